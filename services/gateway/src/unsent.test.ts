import { createServer, type RequestListener } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { afterEach, expect, it, vi } from 'vitest'
import { createUnsent, type Unsent } from './unsent.ts'

const MiB = 1024 * 1024
/** More than the system takes from a sender whose peer does not read. */
const size = 16 * MiB
const body = () => new Uint8Array(size)

const endings: (() => void)[] = []
afterEach(() => {
  for (const end of endings.splice(0)) end()
})

async function serve(handle: RequestListener): Promise<number> {
  const server = createServer(handle)
  endings.push(() => {
    server.closeAllConnections()
    server.close()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

/** A client that asks and does not read. */
function ask(port: number, text = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'): Socket {
  const socket = connect(port, '127.0.0.1')
  endings.push(() => socket.destroy())
  socket.on('error', () => {})
  socket.write(text)
  return socket
}

function create(maxBytes: number) {
  const cut = vi.fn()
  return { unsent: createUnsent({ maxBytes, onCut: cut }), cut }
}

const send =
  (unsent: Unsent, bodyOf: () => Uint8Array): RequestListener =>
  (_, response) => {
    const bytes = bodyOf()
    unsent.watch(response, bytes)
    response.end(bytes)
  }

it('counts a body while its client does not read, and no longer', async () => {
  const { unsent, cut } = create(100 * MiB)
  const port = await serve(send(unsent, body))
  const client = ask(port)
  await vi.waitFor(() => expect(unsent.bytes).toBe(size))
  client.resume()
  await vi.waitFor(() => expect(unsent.bytes).toBe(0), 10_000)
  expect(cut).not.toHaveBeenCalled()
})

it('counts nothing that the system takes at once', async () => {
  const { unsent } = create(100 * MiB)
  let watched = 0
  const port = await serve((_, response) => {
    unsent.watch(response, new Uint8Array(1000))
    response.end(new Uint8Array(1000))
    response.once('close', () => {
      watched += 1
    })
  })
  ask(port).resume()
  await vi.waitFor(() => expect(watched).toBe(1))
  expect(unsent.bytes).toBe(0)
})

it('lets go of a body when its client leaves', async () => {
  const { unsent } = create(100 * MiB)
  const port = await serve(send(unsent, body))
  const clients = [ask(port), ask(port)]
  await vi.waitFor(() => expect(unsent.bytes).toBe(2 * size))
  clients[0]?.destroy()
  await vi.waitFor(() => expect(unsent.bytes).toBe(size))
  clients[1]?.destroy()
  await vi.waitFor(() => expect(unsent.bytes).toBe(0))
})

it('counts a body once, however many read it', async () => {
  const { unsent, cut } = create(2 * size)
  const shared = body()
  const port = await serve(send(unsent, () => shared))
  let asked = 0
  for (const _ of Array(20)) ask(port).once('connect', () => asked++)
  await vi.waitFor(() => expect([asked, unsent.bytes]).toEqual([20, size]))
  expect(cut).not.toHaveBeenCalled()
})

it('cuts those who have read for the longest time when there is too much, and keeps the limit', async () => {
  const { unsent, cut } = create(3 * size)
  const port = await serve(send(unsent, body))
  const clients: Socket[] = []
  for (const count of [1, 2, 3]) {
    clients.push(ask(port))
    await vi.waitFor(() => expect(unsent.bytes).toBe(count * size))
  }
  for (const count of [1, 2, 3, 4]) {
    clients.push(ask(port))
    await vi.waitFor(() => expect(cut).toHaveBeenCalledTimes(count))
    expect(unsent.bytes).toBe(3 * size)
  }
  // Whoever was cut sees it as soon as he reads.
  for (const client of clients) client.resume()
  const whole = (client: Socket) => new Promise(resolve => client.once('close', () => resolve(client.bytesRead > size)))
  const kept = clients.slice(4)
  expect(await Promise.all(clients.slice(0, 4).map(whole))).toEqual(Array(4).fill(false))
  await vi.waitFor(() => expect(kept.every(client => client.bytesRead > size)).toBe(true), 10_000)
  await vi.waitFor(() => expect(unsent.bytes).toBe(0))
})

it('lets a single body be as large as it is', async () => {
  const { unsent, cut } = create(1000)
  ask(await serve(send(unsent, body)))
  await vi.waitFor(() => expect(unsent.bytes).toBe(size))
  expect(cut).not.toHaveBeenCalled()
})

it('lets go of what waits its turn on a connection that closes', async () => {
  const { unsent } = create(1000 * MiB)
  const client = ask(await serve(send(unsent, body)), 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(12))
  await vi.waitFor(() => expect(unsent.bytes).toBe(12 * size))
  client.destroy()
  await vi.waitFor(() => expect(unsent.bytes).toBe(0))
})
