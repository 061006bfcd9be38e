import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse, request as send } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { End, Fault, FaultyStorage } from './conformance-faults.ts'
import type { Storage } from './storage.ts'

/** Behind what of an exchange it happens: the head of the request, half of its body, all of it, and so the answer. */
type Step = 'request' | 'half request' | 'answer' | 'half head' | 'half answer'

/** `close`: an orderly end. `stop`: nothing comes any more. `garble`: an answer that is none. Or an answer of this status. */
type Deed = 'reset' | 'close' | 'stop' | 'garble' | number

type Trouble = {
  /** Which requests, as `GET /photos/cat.jpg`. */
  of: RegExp
  at: Step
  deed: Deed
  times: number
  onReached?: () => void
}

/** The way to a real server of HTTP, on which anything may happen. */
export type FaultyWay = {
  /** `http://127.0.0.1:PORT` */
  readonly url: string
  trouble(next: Trouble): void
  /** Nobody listens any more. */
  close(): Promise<void>
  heal(): Promise<void>
  /** Requests under way. */
  readonly busy: string[]
}

export type FaultyHttp = FaultyStorage & { way: FaultyWay }

/** What differs between the storages of one kind in these tests. */
export type Opening = { url: string; pathPrefix: string; timeoutMs: number }

/** A storage with such a way to the server at `target`, of which only the origin counts. */
export async function openFaultyHttp(
  target: string,
  open: (opening: Opening) => Storage,
  { timeoutMs, ...more }: Pick<Opening, 'timeoutMs'> & Partial<Pick<FaultyStorage, 'leftovers' | 'seed'>>,
): Promise<FaultyHttp> {
  const way = await openWay(new URL(target))
  const opening = { url: way.url, pathPrefix: crypto.randomUUID().slice(0, 8) }
  const storage = open({ ...opening, timeoutMs })
  const patient = open({ ...opening, timeoutMs: 30_000 })
  return {
    ...more,
    storage,
    patient,
    way,
    heal: way.heal,
    leftovers: async () => [...way.busy, ...((await more.leftovers?.()) ?? [])],
    async [Symbol.asyncDispose]() {
      await Promise.all([storage[Symbol.asyncDispose](), patient[Symbol.asyncDispose]()])
      await way.close()
    },
  }
}

/** The requests that a get and a put of an object consist of, by name; and ends that are another kind's own. */
export type Exchange = {
  get: Record<string, RegExp>
  put: Record<string, RegExp>
  ends?: Record<string, Partial<Pick<Fault<FaultyHttp>, 'get' | 'put'>>>
}

/** Every fault at every step of these requests. */
export function httpFaults({ get, put, ends = {} }: Exchange): Fault<FaultyHttp>[] {
  const rows = ways.flatMap(([name, at, deed, { times = 1, aborts, get: read, put: written, ...rest }]) => {
    const on = (request: string, of: RegExp, ends: Pick<Fault<FaultyHttp>, 'get' | 'put'>): Fault<FaultyHttp> => ({
      name: `${name} (${request})`,
      arrange: ({ way }, abort) => way.trouble({ of, at, deed, times, ...(aborts ? { onReached: abort } : {}) }),
      ...ends,
      ...rest,
    })
    const own = { get: read, put: written, ...ends[name] }
    return [
      ...Object.entries(get).map(([request, of]) => on(request, of, { get: own.get })),
      ...Object.entries(put).map(([request, of]) => on(request, of, { put: own.put })),
    ]
  })
  const away: Fault<FaultyHttp> = {
    name: 'nobody listens',
    arrange: ({ way }) => way.close(),
    get: unavailable,
    put: { bytes: unavailable, stream: unavailable },
  }
  return [away, ...rows]
}

type How = Pick<Fault<FaultyHttp>, 'get' | 'put' | 'stored' | 'open' | 'silent'> & { times?: number; aborts?: true }

const unavailable: End = 'storage_unavailable'
const forBoth = (end: End) => ({ get: end, put: { bytes: end, stream: end } })

/** A try that failed is made again, unless it had the stream of the caller. */
const again: How = { get: 'done', put: { bytes: 'done', stream: unavailable } }
const always: How = { ...forBoth(unavailable), times: Number.POSITIVE_INFINITY }
const silence: How = { ...always, silent: true }
const abort: How = { ...forBoth('aborted'), aborts: true }

const ways: [name: string, at: Step, deed: Deed, how: How][] = [
  ['the connection is reset after the head of the request', 'request', 'reset', again],
  ['the connection is reset in the body of the request', 'half request', 'reset', { put: again.put }],
  ['the connection is reset before the answer', 'answer', 'reset', { ...again, stored: true }],
  ['the connection is closed in the head of the answer', 'half head', 'close', { ...again, stored: true }],
  ['the connection is reset in the body of the answer', 'half answer', 'reset', { get: unavailable, open: true }],
  ['the connection is closed in the body of the answer', 'half answer', 'close', { get: unavailable, open: true }],
  ['the answer is no HTTP', 'request', 'garble', again],
  ['the answer is 500', 'answer', 500, { ...again, stored: true }],
  ['the answer is 503 before the body', 'request', 503, again],
  ['the answer is always 503', 'request', 503, always],
  ['the request is not answered', 'request', 'stop', silence],
  ['the body of the request is not taken', 'half request', 'stop', { ...silence, get: undefined }],
  ['the answer is held back', 'answer', 'stop', { ...silence, put: undefined }],
  ['the head of the answer stops', 'half head', 'stop', { ...silence, put: undefined }],
  ['the body of the answer stops', 'half answer', 'stop', { get: unavailable, open: true, silent: true }],
  ['it is aborted after the head of the request', 'request', 'stop', abort],
  ['it is aborted in the body of the request', 'half request', 'stop', { ...abort, get: undefined }],
  ['it is aborted before the answer', 'answer', 'stop', { ...abort, stored: true }],
  ['it is aborted in the head of the answer', 'half head', 'stop', { ...abort, stored: true }],
  ['it is aborted in the body of the answer', 'half answer', 'stop', { ...abort, put: undefined, open: true }],
]

async function openWay(target: URL): Promise<FaultyWay> {
  const busy = new Map<IncomingMessage, string>()
  const sockets = new Set<Socket>()
  let trouble: Trouble | undefined

  const server = createServer((request, response) => {
    const name = `${request.method} ${request.url}`
    busy.set(request, name)
    response.once('close', () => busy.delete(request))
    const mine = trouble?.of.test(name) && trouble.times-- > 0 ? trouble : undefined
    relay(target, request, response, mine)
  })
  server.on('connection', socket => {
    sockets.add(socket)
    socket.on('error', () => {}).once('close', () => sockets.delete(socket))
  })
  const listen = async (port: number) => {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }
  const port = await listen(0)
  return {
    url: `http://127.0.0.1:${port}`,
    trouble(next) {
      trouble = next
    },
    async close() {
      if (!server.listening) return
      server.close()
      for (const socket of sockets) socket.destroy()
      await once(server, 'close')
    },
    async heal() {
      trouble = undefined
      // The end of a connection shows to who reads it.
      for (const request of busy.keys()) request.resume()
      if (!server.listening) await listen(port)
    },
    get busy() {
      return [...busy.values()]
    },
  }
}

function relay(target: URL, request: IncomingMessage, response: ServerResponse, trouble: Trouble | undefined): void {
  const { deed, at, onReached } = trouble ?? {}
  /** Whether the exchange ends, or rests, here. */
  const reached = (step: Step) => {
    if (step !== at) return false
    act(response, deed!)
    onReached?.()
    return true
  }
  if (reached('request')) return
  const { method, url, headers } = request
  const onward = send(new URL(url!, target), {
    method: method!,
    headers: { ...headers, connection: 'close' },
    agent: false,
  })
  onward.on('error', () => response.destroy())
  response.once('close', () => onward.destroy())
  if (at === 'half request') {
    request.once('data', (chunk: Buffer) => {
      request.pause()
      onward.write(chunk.subarray(0, chunk.length / 2), () => reached('half request'))
    })
    return
  }
  request.pipe(onward)
  onward.once('response', answer => {
    if (reached('answer')) return void answer.on('error', () => {}).resume()
    if (at === 'half head')
      return void response.socket!.write('HTTP/1.1 200 OK\r\nContent-Le', () => reached('half head'))
    const { connection: _, ...said } = answer.headers
    response.writeHead(answer.statusCode!, said)
    answer.on('error', () => response.destroy())
    if (at !== 'half answer') return void answer.pipe(response)
    answer.once('data', (chunk: Buffer) => {
      answer.pause()
      response.write(chunk.subarray(0, chunk.length / 2), () => reached('half answer'))
    })
  })
}

function act(response: ServerResponse, deed: Deed): void {
  const socket = response.socket!
  if (deed === 'reset') socket.resetAndDestroy()
  else if (deed === 'close') socket.end()
  else if (deed === 'garble') socket.end('SSH-2.0-OpenSSH_9.2\r\n\r\n')
  else if (deed !== 'stop') response.writeHead(deed, { 'content-length': 0 }).end()
}
