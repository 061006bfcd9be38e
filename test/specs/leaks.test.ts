import { mkdir, readdir, truncate, writeFile } from 'node:fs/promises'
import { get as httpGet, type IncomingMessage } from 'node:http'
import path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { startPart } from '../cluster.ts'
import { photo } from '../fixtures/images.ts'
import { describeModes } from '../modes.ts'
import { descriptorsOf, forgetPeak, gauges, isRunning, memoryOf, signsOfACrash } from '../observe.ts'
import { startOrigin } from '../servers/origin.ts'
import { until, untilEqual } from '../until.ts'
import { get, metric } from './client.ts'
import { createSite } from './site.ts'

const MiB = 1024 * 1024
const origin = await startOrigin()
const picture = await photo(300, 200)
/** So many that each has one original on its way, in which there is nothing slow. */
const held = ['held-1', 'held-2', 'held-3', 'held-4']
for (const bucket of held) origin.put(`/${bucket}/cat.jpg`, picture)
const site = await createSite({ 'files/cat.jpg': picture, 'files/50.jpg': '', 'files/200.jpg': '' })
for (const size of [50, 200]) await truncate(path.join(site.folder, `files/${size}.jpg`), size * MiB)
afterAll(() => origin[Symbol.asyncDispose]())

/** Opens a download and resolves when its first bytes have come; the rest is left where it is. */
function open(url: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    httpGet(url, { agent: false }, response => {
      response.pause()
      response.once('readable', () => resolve(response))
    }).once('error', reject)
  })
}

/** Asks, and returns how to leave without having waited for the answer. */
function ask(url: string): () => void {
  const request = httpGet(url, { agent: false }).on('error', () => {})
  return () => void request.destroy()
}

const holdOriginals = () => origin.behave(request => (request.endsWith('/cat.jpg') ? 'hold' : 'answer'))

const configure = async () => {
  const storages = (await site.emptyStore()).storages()
  const transform = { kind: 'query' }
  const slow = { storages: { ...storages, basic: origin.storage }, transform }
  const buckets = { files: { storages, transform }, ...Object.fromEntries(held.map(name => [name, slow])) }
  return { config: { server: { worker: { threads: 2, sourceTimeout: 60 } }, buckets } }
}

describeModes('clients that leave', configure, cluster => {
  const atRest = {
    gateway: { mortise_flights: 0, mortise_waiters: 0, mortise_queue_waiting_interactive: 0, mortise_queue_active: 0 },
    worker: {
      mortise_jobs_in_hand: 0,
      mortise_renders_running: 0,
      mortise_renders_waiting: 0,
      mortise_bytes_in_flight: 0,
    },
  }
  const untilAtRest = async () => {
    for (const side of ['gateway', 'worker'] as const) {
      await untilEqual(side, () => gauges(cluster()[side], Object.keys(atRest[side])), atRest[side])
    }
  }

  it('leave nothing behind: no job, no render, no socket, no file, no memory', async () => {
    const { url, gateway, worker } = cluster()
    const parts = gateway === worker ? [gateway] : [gateway, worker]
    const untilMisses = (count: number) => untilEqual('misses', () => metric(gateway, 'mortise_flights'), count)
    const comeAndLeave = async (misses: number, streams: number, width: number) => {
      holdOriginals()
      const first = held.map(bucket => ask(`${url}/${bucket}/cat.jpg?width=${width}`))
      await until('their originals to be asked for', () => origin.held.length === first.length)
      const behind = Array.from({ length: misses - first.length }, (_, i) => {
        return ask(`${url}/${held[i % held.length]}/cat.jpg?width=${width + 1 + i}`)
      })
      await untilMisses(misses)
      const downloads = await Promise.all(Array.from({ length: streams }, () => open(`${url}/files/50.jpg`)))
      for (const leave of behind) leave()
      for (const download of downloads) download.destroy()
      await untilMisses(first.length)
      for (const leave of first) leave()
      await untilAtRest()
      origin.release()
    }
    await get(`${url}/files/cat.jpg?width=10`)
    await comeAndLeave(10, 3, 10)
    const descriptors = await Promise.all(parts.map(descriptorsOf))
    // The first time takes memory that is used again the second time.
    await comeAndLeave(200, 100, 100)
    const memory = await Promise.all(parts.map(memoryOf))
    const rendersBefore = await metric(worker, 'mort_generation_time_count')
    const askedBefore = origin.requests.length

    await comeAndLeave(200, 100, 300)

    for (const [i, part] of parts.entries()) {
      await until('descriptors to be closed', async () => (await descriptorsOf(part)) <= (descriptors[i] ?? 0))
      expect((await memoryOf(part)).now).toBeLessThan((memory[i]?.now ?? 0) + 100 * MiB)
      expect(part.output()).not.toMatch(signsOfACrash)
    }
    // The jobs that nobody had started when their last client left were withdrawn.
    expect(origin.requests.length - askedBefore).toBe(held.length)
    expect(await metric(worker, 'mort_generation_time_count')).toBe(rendersBefore)
    expect((await get(`${url}/held-1/cat.jpg?width=100`)).status).toBe(200)
  })

  it('leave the job to those who stay', async () => {
    const { url, gateway, worker } = cluster()
    holdOriginals()
    const before = await metric(worker, 'mort_generation_time_count')
    const leavers = Array.from({ length: 20 }, () => ask(`${url}/held-1/cat.jpg?width=99`))
    const stays = get(`${url}/held-1/cat.jpg?width=99`)
    await untilEqual('clients that wait', () => metric(gateway, 'mortise_waiters'), 21)
    for (const leave of leavers) leave()
    await untilEqual('clients that wait', () => metric(gateway, 'mortise_waiters'), 1)
    origin.release()
    expect((await stays).status).toBe(200)
    expect(await metric(worker, 'mort_generation_time_count')).toBe(before + 1)
  })
})

describe('a process', () => {
  it.runIf(process.platform === 'linux')('streams to slow readers without holding what it streams', async () => {
    await using part = await startPart('serve', (await configure()).config)
    const read = async (name: string, enough: number) => {
      let size = 0
      for await (const chunk of await open(`${part.url}/files/${name}`)) {
        size += chunk.length
        if (size >= enough) return 'enough'
      }
      return `${size} bytes`
    }
    const readers = (name: string) => Promise.all(Array.from({ length: 10 }, () => read(name, 50 * MiB)))
    await readers('50.jpg')
    const { now } = await memoryOf(part)
    await forgetPeak(part)
    // Whoever reads ahead of them would hold most of 2 GB by the time they have read a quarter.
    expect(await readers('200.jpg')).toEqual(Array(10).fill('enough'))
    expect((await memoryOf(part)).peak).toBeLessThan(now + 100 * MiB)
  })

  it('leaves no process and no file behind, ten times over', async () => {
    const folder = path.join(site.folder, 'tmp')
    await mkdir(folder)
    await writeFile(path.join(folder, 'mine'), '')
    const { config } = await configure()
    config.server.worker.threads = 1
    for (const _ of [1, 2]) {
      const parts = await Promise.all([1, 2, 3, 4, 5].map(() => startPart('serve', config, { TMPDIR: folder })))
      const answers = await Promise.all(parts.map(({ url }) => get(`${url}/files/cat.jpg?width=20`)))
      expect(answers.map(({ status }) => status)).toEqual(Array(5).fill(200))
      await Promise.all(parts.map(part => part.stop()))
      expect(await Promise.all(parts.map(part => part.ended))).toEqual(Array(5).fill(0))
      expect(parts.map(({ pid }) => isRunning(pid))).toEqual(Array(5).fill(false))
    }
    expect(await readdir(folder)).toEqual(['mine'])
  })
})
