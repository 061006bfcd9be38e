import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'

/** `hold`: no answer until `release`. `fail`: 500. `sever`: the connection is cut. */
export type Behaviour = 'answer' | 'hold' | 'fail' | 'sever'

/** A small S3 server in this process that is as slow or broken as a test wants it. It checks no signature. */
export type Origin = AsyncDisposable & {
  /** The settings of a storage that has its objects here. */
  storage: { kind: 's3'; endpoint: string; region: string; accessKey: string; secretAccessKey: string }
  /** `name`: `/photos/cat.jpg`, the bucket first. */
  put(name: string, bytes: Uint8Array): void
  names(): string[]
  /** What becomes of requests from now on; `request` is like `GET /photos/cat.jpg`. At first all are answered. */
  behave(rule: (request: string) => Behaviour): void
  /** Answers what is held, and everything from now on. */
  release(): void
  /** Requests that are held now, of clients that still wait. */
  readonly held: string[]
  /** Every request so far. */
  readonly requests: string[]
}

type StoredObject = { bytes: Uint8Array; headers: Record<string, string> }
type Held = { request: string; answer(): void }

export async function startOrigin(): Promise<Origin> {
  const objects = new Map<string, StoredObject>()
  const requests: string[] = []
  const held = new Set<Held>()
  let rule: (request: string) => Behaviour = () => 'answer'

  const server = createServer((incoming, response) => {
    const request = `${incoming.method} ${decodeURIComponent(incoming.url?.split('?', 1)[0] ?? '')}`
    requests.push(request)
    const answer = () => void serve(objects, incoming, response)
    const behaviour = rule(request)
    if (behaviour === 'answer') return answer()
    if (behaviour === 'sever') return incoming.socket.destroy()
    if (behaviour === 'fail') return void response.writeHead(500).end()
    const waiting = { request, answer }
    held.add(waiting)
    response.once('close', () => held.delete(waiting))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined

  return {
    storage: {
      kind: 's3',
      endpoint: `http://127.0.0.1:${port}`,
      ...{ region: 'us-east-1', accessKey: 'key', secretAccessKey: 'secret' },
    },
    put: (name, bytes) => void objects.set(name, { bytes, headers: { 'content-type': 'image/jpeg' } }),
    names: () => [...objects.keys()],
    behave(next) {
      rule = next
    },
    release() {
      rule = () => 'answer'
      for (const waiting of held) waiting.answer()
      held.clear()
    },
    get held() {
      return [...held].map(({ request }) => request)
    },
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

const started = new Date().toUTCString()

async function serve(objects: Map<string, StoredObject>, incoming: IncomingMessage, response: ServerResponse) {
  const name = decodeURIComponent(incoming.url?.split('?', 1)[0] ?? '')
  if (incoming.method === 'PUT') {
    const bytes = await buffer(incoming).catch(() => null)
    // The client has left: nothing is stored.
    if (!bytes) return
    objects.set(name, { bytes, headers: keptHeaders(incoming) })
    return void response.writeHead(200, { etag: etagOf(bytes), 'content-length': 0 }).end()
  }
  const object = objects.get(name)
  if (!object) return void response.writeHead(404).end('<Error><Code>NoSuchKey</Code></Error>')
  const { bytes, headers } = object
  response.writeHead(200, { ...headers, etag: etagOf(bytes), 'last-modified': started, 'content-length': bytes.length })
  response.end(incoming.method === 'HEAD' ? undefined : bytes)
}

function keptHeaders({ headers }: IncomingMessage): Record<string, string> {
  const kept = Object.entries(headers).filter(([name]) => name === 'content-type' || name.startsWith('x-amz-meta-'))
  return Object.fromEntries(kept) as Record<string, string>
}

function etagOf(bytes: Uint8Array): string {
  return `"${createHash('md5').update(bytes).digest('hex')}"`
}
