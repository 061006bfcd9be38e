/** What a transfer is measured against: node:http that pipes bodies into files and files into answers. */
import { createReadStream, createWriteStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'

const [folder = ''] = process.argv.slice(2)

const server = createServer(async (request, response) => {
  try {
    await (request.method === 'PUT' ? put(request, response) : get(request, response))
  } catch {
    response.destroy()
  }
})
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify(server.address())))

/** `flush`: on the disk before it is answered, as what Mortise stores is. */
async function put(request: IncomingMessage, response: ServerResponse): Promise<void> {
  await pipeline(request, createWriteStream(fileOf(request), { flush: true }))
  response.end()
}

async function get(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const file = fileOf(request)
  response.writeHead(200, { 'content-length': (await stat(file)).size })
  await pipeline(createReadStream(file), response)
}

function fileOf({ url = '/' }: IncomingMessage): string {
  return path.join(folder, path.basename(new URL(url, 'http://bare').pathname))
}
