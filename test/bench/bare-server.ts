/** What a hit is measured against: node:http that writes headers and bytes that were made ready, and knows nothing else. */
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'

const [bodyFile = '', headFile = ''] = process.argv.slice(2)
const body = await readFile(bodyFile)
const head: string[] = JSON.parse(await readFile(headFile, 'utf8'))
const server = createServer((_request, response) => {
  response.writeHead(200, head).end(body)
})
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify(server.address())))
