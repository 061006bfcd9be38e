import { Agent, request } from 'node:http'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { type Part, startCluster, startPart, withQueue } from '../cluster.ts'
import { photo } from '../fixtures/images.ts'
import { readinessOf, resultOf, signsOfACrash } from '../observe.ts'
import { startOrigin } from '../servers/origin.ts'
import { startRedis } from '../servers/redis.ts'
import { until, untilEqual } from '../until.ts'
import { get } from './client.ts'
import { createSite } from './site.ts'

const origin = await startOrigin()
origin.put('/photos/cat.jpg', await photo(300, 200))
const site = await createSite({})
afterEach(() => origin.release())
afterAll(() => origin[Symbol.asyncDispose]())

const holdOriginals = () => origin.behave(request => (request.endsWith('/cat.jpg') ? 'hold' : 'answer'))
const untilHeld = (count: number) => until(`${count} originals to be asked for`, () => origin.held.length === count)
const at = ({ url }: { url: string }, width: number) => get(`${url}/photos/cat.jpg?width=${width}`)

async function configure(graceSeconds = 25) {
  const storages = { ...(await site.emptyStore()).storages(), basic: origin.storage }
  return {
    server: { worker: { threads: 2, graceSeconds } },
    buckets: { photos: { storages, transform: { kind: 'query' } } },
  }
}

async function expectCleanEnd(part: Part) {
  expect([await part.ended, part.output()]).toEqual([0, expect.not.stringMatching(signsOfACrash)])
}

describe.each(['embedded', 'distributed'] as const)('SIGTERM to who speaks HTTP (%s)', mode => {
  it('lets requests in flight be answered, takes no new ones, and says so', async () => {
    await using cluster = await startCluster(mode, await configure())
    holdOriginals()
    const waiting = [1, 2].map(width => at(cluster, width))
    await untilHeld(2)
    cluster.gateway.kill('SIGTERM')
    await untilEqual('readiness', () => readinessOf(cluster.gateway), '503 draining')
    await expect(get(`${cluster.url}/photos/cat.jpg`)).rejects.toThrow('fetch failed')
    origin.release()
    expect((await Promise.all(waiting)).map(resultOf)).toEqual(['200', '200'])
    await expectCleanEnd(cluster.gateway)
  })

  it('is not held up by connections on which nothing happens', async () => {
    await using cluster = await startCluster(mode, await configure())
    const agent = new Agent({ keepAlive: true })
    const closed = Promise.withResolvers<void>()
    const sent = request(`${cluster.url}/photos/cat.jpg`, { agent }, response => response.resume())
    sent.once('socket', socket => socket.once('close', () => closed.resolve()))
    await new Promise(resolve => sent.once('close', resolve).end())
    expect(Object.values(agent.freeSockets).flat()).toHaveLength(1)
    cluster.gateway.kill('SIGTERM')
    await expectCleanEnd(cluster.gateway)
    await closed.promise
  })

  it('the second time ends it at once', async () => {
    await using cluster = await startCluster(mode, await configure())
    holdOriginals()
    const cut = expect(at(cluster, 1)).rejects.toThrow('fetch failed')
    await untilHeld(1)
    cluster.gateway.kill('SIGTERM')
    await untilEqual('readiness', () => readinessOf(cluster.gateway), '503 draining')
    cluster.gateway.kill('SIGTERM')
    expect(await cluster.gateway.ended).toBe('SIGKILL')
    await cut
    // So that the worker has nothing to wait for when it is stopped.
    origin.release()
  })
})

describe('SIGTERM to a worker', () => {
  it('lets it finish the jobs in hand; those that wait are for others', async () => {
    await using redis = await startRedis()
    const config = withQueue(await configure(), redis.url)
    await using gateway = await startPart('gateway', config)
    await using worker = await startPart('worker', config)
    holdOriginals()
    const inHand = at(gateway, 1)
    await untilHeld(1)
    worker.kill('SIGTERM')
    await untilEqual('readiness', () => readinessOf(worker), '503 draining')
    const later = at(gateway, 2)
    origin.release()
    expect(resultOf(await inHand)).toBe('200')
    await expectCleanEnd(worker)
    await using _successor = await startPart('worker', config)
    expect(resultOf(await later)).toBe('200')
  })

  it('hands back what is not finished within the grace time, and another worker finishes it', async () => {
    await using redis = await startRedis()
    const config = withQueue(await configure(1), redis.url)
    await using gateway = await startPart('gateway', config)
    await using worker = await startPart('worker', config)
    holdOriginals()
    const waiting = [1, 2].map(width => at(gateway, width))
    await untilHeld(2)
    worker.kill('SIGTERM')
    await expectCleanEnd(worker)
    expect(origin.held).toEqual([])
    await using _successor = await startPart('worker', config)
    await untilHeld(2)
    origin.release()
    expect((await Promise.all(waiting)).map(resultOf)).toEqual(['200', '200'])
  })
})
