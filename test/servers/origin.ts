import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'

/**
 * `hold`: no answer until `release`. `fail`: 500. `sever`: the connection is cut. Or an answer in which something is
 * wrong or missing, see {@link Flaw}; or one of a test's own.
 */
export type Behaviour = 'answer' | 'hold' | 'fail' | 'sever' | Flaw | Reply

/**
 * `truncate`: half of the body, then the connection is cut. `stall`: half of the body, then nothing. `chunked`: no
 * length. `undated`: no ETag and no date. `unranged`: ranges are ignored. `misranged`: ranges begin a byte too late.
 */
export type Flaw = 'truncate' | 'stall' | 'chunked' | 'undated' | 'unranged' | 'misranged'

export type Reply = { status: number; headers?: OutgoingHttpHeaders; body?: string }

/**
 * A small S3 server in this process, which checks no signature, and a plain web server as well: as slow or broken as a
 * test wants it.
 */
export type Origin = AsyncDisposable & {
  /** `http://127.0.0.1:PORT`. */
  url: string
  /** The settings of a storage that has its objects here. */
  storage: { kind: 's3'; endpoint: string; region: string; accessKey: string; secretAccessKey: string }
  /** The settings of a storage that reads them as from any web server. */
  web: { kind: 'http'; url: string }
  /** `name`: `/photos/cat.jpg`, the bucket first. `headers`: those of a JPEG when absent. */
  put(name: string, bytes: Uint8Array, headers?: Record<string, string>): void
  delete(name: string): void
  names(): string[]
  /** What becomes of requests from now on; `request` is like `GET /photos/cat.jpg`. At first all are answered. */
  behave(rule: (request: string) => Behaviour | Flaw[]): void
  /** Answers what is held, and everything from now on. */
  release(): void
  /** Requests that are held now, of clients that still wait. */
  readonly held: string[]
  /** Every request so far. */
  readonly requests: string[]
  /** The headers of the latest one. */
  readonly latest: IncomingMessage['headers']
}

type StoredObject = { bytes: Uint8Array; headers: Record<string, string>; modified: string }
type Held = { request: string; answer(): void }

export async function startOrigin(): Promise<Origin> {
  const objects = new Map<string, StoredObject>()
  const requests: string[] = []
  const held = new Set<Held>()
  let latest: IncomingMessage['headers'] = {}
  let rule: (request: string) => Behaviour | Flaw[] = () => 'answer'

  const server = createServer((incoming, response) => {
    const request = `${incoming.method} ${nameOf(incoming)}`
    requests.push(request)
    latest = incoming.headers
    const answer = (flaws: Flaw[] = []) => void serve(objects, incoming, response, new Set(flaws))
    const behaviour = rule(request)
    if (behaviour === 'answer') return answer()
    if (behaviour === 'sever') return void incoming.socket.destroy()
    if (behaviour === 'fail') return void response.writeHead(500).end()
    if (Array.isArray(behaviour)) return answer(behaviour)
    if (typeof behaviour === 'object') {
      return void response.writeHead(behaviour.status, behaviour.headers).end(behaviour.body)
    }
    if (behaviour !== 'hold') return answer([behaviour])
    const waiting = { request, answer }
    held.add(waiting)
    response.once('close', () => held.delete(waiting))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`

  return {
    url,
    storage: {
      kind: 's3',
      endpoint: url,
      ...{ region: 'us-east-1', accessKey: 'key', secretAccessKey: 'secret' },
    },
    web: { kind: 'http', url: `${url}/<container><item>` },
    put: (name, bytes, headers = { 'content-type': 'image/jpeg' }) =>
      void objects.set(name, { bytes, headers, modified: new Date().toUTCString() }),
    delete: name => void objects.delete(name),
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
    get latest() {
      return latest
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

function nameOf({ url = '' }: IncomingMessage): string {
  return decodeURIComponent(url.split('?', 1)[0] ?? '')
}

async function serve(
  objects: Map<string, StoredObject>,
  incoming: IncomingMessage,
  response: ServerResponse,
  flaws: Set<Flaw>,
) {
  const name = nameOf(incoming)
  if (incoming.method === 'PUT') {
    const bytes = await buffer(incoming).catch(() => null)
    // The client has left: nothing is stored.
    if (!bytes) return
    objects.set(name, { bytes, headers: keptHeaders(incoming), modified: new Date().toUTCString() })
    return void response.writeHead(200, { etag: etagOf(bytes), 'content-length': 0 }).end()
  }
  const object = objects.get(name)
  if (!object) return void response.writeHead(404).end('<Error><Code>NoSuchKey</Code></Error>')
  const { bytes, headers, modified } = object
  const range = flaws.has('unranged') ? undefined : incoming.headers.range
  const span = range === undefined ? { start: 0, end: bytes.length } : spanOf(range, bytes.length)
  if (!span) return void response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end()
  if (range !== undefined && flaws.has('misranged')) span.start += 1
  const body = bytes.subarray(span.start, span.end)
  response.writeHead(range === undefined ? 200 : 206, {
    ...(flaws.has('undated') ? {} : { etag: etagOf(bytes), 'last-modified': modified }),
    ...(flaws.has('chunked') ? {} : { 'content-length': body.length }),
    ...(range === undefined ? {} : { 'content-range': `bytes ${span.start}-${span.end - 1}/${bytes.length}` }),
    ...headers,
  })
  if (incoming.method === 'HEAD') return void response.end()
  if (!flaws.has('truncate') && !flaws.has('stall')) return void response.end(body)
  response.write(body.subarray(0, body.length / 2), () => flaws.has('truncate') && incoming.socket.destroy())
}

/** The end is the byte behind the last one; `null` when there is nothing in it. */
function spanOf(range: string, size: number): { start: number; end: number } | null {
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(range) ?? []
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first)
  const end = first === '' || last === '' ? size : Math.min(size, Number(last) + 1)
  return start < end ? { start, end } : null
}

function keptHeaders({ headers }: IncomingMessage): Record<string, string> {
  const kept = Object.entries(headers).filter(([name]) => name === 'content-type' || name.startsWith('x-amz-meta-'))
  return Object.fromEntries(kept) as Record<string, string>
}

function etagOf(bytes: Uint8Array): string {
  return `"${createHash('md5').update(bytes).digest('hex')}"`
}
