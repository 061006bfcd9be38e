import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A web server in this process that gives what a test wants it to give. */
export type Pictures = AsyncDisposable & {
  /** `http://127.0.0.1:PORT` */
  url: string
  port: number
  /** Every request so far, as `/path?query`. */
  readonly requests: string[]
}

export type Answer = (response: ServerResponse, request: IncomingMessage) => void

/** `answers`: by path without query; all else is 404. `port` 0: one that is free. */
export async function startPictures(
  answers: Record<string, Answer>,
  { host = '127.0.0.1', port: wanted = 0 } = {},
): Promise<Pictures> {
  const requests: string[] = []
  const server = createServer((request, response) => {
    requests.push(request.url ?? '')
    const answer = answers[request.url?.split('?', 1)[0] ?? '']
    if (answer) answer(response, request)
    else response.writeHead(404).end()
  })
  await new Promise<void>(resolve => server.listen(wanted, host, resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://${host}:${port}`,
    port,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
