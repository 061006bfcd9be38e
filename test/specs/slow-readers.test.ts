import { truncate } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import path from 'node:path'
import { expect, it } from 'vitest'
import { startPart } from '../cluster.ts'
import { forgetPeak, gauges, memoryOf, signsOfACrash } from '../observe.ts'
import { until, untilEqual } from '../until.ts'
import { get, metric } from './client.ts'
import { createSite } from './site.ts'

const MiB = 1024 * 1024
const size = 10 * MiB
/** They fit into 256 MiB. */
const within = 25
const beyond = 100
const names = Array.from({ length: within + beyond }, (_, i) => `${i}.img`)
const site = await createSite(Object.fromEntries(names.map(name => [`files/${name}`, ''])))
for (const name of names) await truncate(path.join(site.folder, 'files', name), size)

/** So small that nothing stays in it, and yet bodies are read into memory for it. */
const cache = { cacheSize: 1, maxCacheItemSizeMB: 10 }
const files = { storages: (await site.emptyStore()).storages(), headers: { 'Cache-Control': 'max-age=60' } }

it.runIf(process.platform === 'linux')('clients that do not read hold no more than 256 MiB', async () => {
  await using part = await startPart('serve', { server: { cache }, buckets: { files } })
  const { hostname, port } = new URL(part.url)
  const ask = (name: string): Socket => {
    const socket = connect(Number(port), hostname).on('error', () => {})
    return socket.pause().on('connect', () => socket.write(`GET /files/${name} HTTP/1.1\r\nHost: a\r\n\r\n`))
  }
  const unsent = async () => (await gauges(part, ['mortise_unsent_bytes'])).mortise_unsent_bytes ?? Number.NaN
  const cut = () => metric(part, 'mortise_slow_readers_cut_total')

  // A few at a time: what is read from storages at one time has a limit of its own, and within one batch the order is
  // the server's. Whole batches fit into the limit, so that it is known who is cut.
  const clients: Socket[] = []
  const come = async (count: number) => {
    while (count > 0) {
      const batch = Math.min(5, count)
      clients.push(...names.slice(clients.length, clients.length + batch).map(ask))
      count -= batch
      await untilEqual('bodies that wait', unsent, Math.min(clients.length, within) * size)
      await untilEqual('clients that were cut', cut, Math.max(0, clients.length - within))
    }
  }
  await come(within)
  const { now } = await memoryOf(part)
  await forgetPeak(part)
  await come(beyond)
  // Without a limit this would be a gigabyte.
  expect((await memoryOf(part)).peak).toBeLessThan(now + 300 * MiB)

  // Those went who had not read for the longest time; who begins to read in time gets all of it.
  const last = clients.splice(-within)
  for (const socket of last) socket.resume()
  await until('the last to have read it all', () => last.every(({ bytesRead }) => bytesRead > size))
  await Promise.all(clients.map(socket => new Promise(resolve => socket.resume().once('close', resolve))))
  expect(clients.every(({ bytesRead }) => bytesRead < size)).toBe(true)
  for (const socket of last) socket.destroy()
  await untilEqual('bodies that wait', unsent, 0)
  const answer = await get(`${part.url}/files/0.img`)
  expect([answer.status, answer.bytes.length]).toEqual([200, size])
  expect(part.output()).not.toMatch(signsOfACrash)
})
