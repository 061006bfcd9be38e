import type { Batch, BatchHandler } from '@mortise/queue/batches'
import { createBullBatches } from '@mortise/queue/batches/bullmq'
import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import { type Part, startPart, withQueue } from '../cluster.ts'
import { photo } from '../fixtures/images.ts'
import { signsOfACrash } from '../observe.ts'
import { optionsFor } from '../servers/bull-options.ts'
import { startRedis } from '../servers/redis.ts'
import { untilEqual } from '../until.ts'
import { get, metric, send } from './client.ts'
import { createSite } from './site.ts'

const picture = await photo(400, 300)
const originals = ['a.jpg', 'trip/b.jpg', 'trip/c.jpg']
const site = await createSite(Object.fromEntries(originals.map(name => [`media/${name}`, picture])))
const redis = await startRedis()
afterAll(() => redis.stop())
const secret = 'token=0123456789'

async function configure(prefix: string, server: object = {}) {
  const store = await site.emptyStore()
  const transform = {
    kind: 'presets',
    path: '^/(?P<presetName>small|marked)/(?P<parent>.+)$',
    parentBucket: 'media',
    resultKey: 'hashParent',
    presets: {
      small: { filters: { thumbnail: { width: 40 } } },
      marked: {
        filters: {
          watermark: { image: `https://example.org/mark.png?${secret}`, position: 'top-left', opacity: 1 },
        },
      },
    },
  }
  const media = { storages: store.storages(), transform, pregenerate: { presets: ['small'] } }
  const config = withQueue({ server, buckets: { media } }, redis.url, { prefix })
  return { config, store }
}

let prefixes = 0

/** A gateway with a queue of its own. `handler`: instead of a worker, makes nothing, four at one time. */
async function start({ handler, server = {} }: { handler?: BatchHandler; server?: object } = {}) {
  const prefix = `jobs${prefixes++}`
  const { config, store } = await configure(prefix, server)
  const gateway = await startPart('gateway', config)
  onTestFinished(() => gateway.stop())
  if (handler) {
    const batches = createBullBatches({ ...optionsFor(redis, prefix), maxBackground: 1_000 })
    onTestFinished(() => batches.close())
    await batches.consume(handler, { concurrency: 4 })
  }
  return { config, store, gateway }
}

const json = { 'content-type': 'application/json' }
const post = ({ internalUrl }: Part, order: object, headers: Record<string, string> = {}) =>
  send(`${internalUrl}/jobs`, { method: 'POST', headers: { ...json, ...headers }, body: JSON.stringify(order) })

async function order(gateway: Part, more: object = {}): Promise<string> {
  const { status, headers, text } = await post(gateway, { bucket: 'media', ...more })
  const { id } = JSON.parse(text)
  expect([status, headers.get('location')]).toEqual([202, `/jobs/${id}`])
  return `${gateway.internalUrl}/jobs/${id}`
}

const read = async (url: string) => JSON.parse((await get(url)).text)
const untilEnded = async (url: string) => {
  await untilEqual('the job to end', async () => (await read(url)).state !== 'running', true)
  return read(url)
}

const made = async ({ plans }: Batch) => ({ made: plans.length, skipped: 0, failures: [] })

describe('a job', () => {
  it('has made what a client is given afterwards, and finds it the next time', async () => {
    const { gateway, config, store } = await start()
    await using worker = await startPart('worker', config)
    const done = { state: 'done', bucket: 'media', prefix: '', found: 3, done: 3, failed: 0, remaining: 0 }
    expect(await untilEnded(await order(gateway))).toMatchObject({ ...done, made: 3, skipped: 0 })
    expect(await store.count()).toBe(3)
    expect((await get(`${gateway.url}/media/small/trip/b.jpg`)).status).toBe(200)
    expect(await metric(worker, 'mortise_jobs_total')).toBe(0)
    expect(await untilEnded(await order(gateway))).toMatchObject({ ...done, made: 0, skipped: 3 })
  })

  it('only looks when it is to', async () => {
    const { gateway } = await start()
    const job = await untilEnded(await order(gateway, { prefix: '/trip/', dryRun: true }))
    expect(job).toMatchObject({ state: 'done', prefix: 'trip/', dryRun: true, found: 2, missing: 2, made: 0 })
  })

  it('lists what could not be made', async () => {
    const failure = { code: 'undecodable', message: 'torn' } as const
    const { gateway } = await start({
      handler: async ({ plans }) => ({ made: 0, skipped: 0, failures: plans.map(({ id }) => ({ plan: id, failure })) }),
    })
    const job = await untilEnded(await order(gateway, { prefix: 'a' }))
    expect(job.failures).toEqual([{ key: '/a.jpg', ...failure, derivatives: 1 }])
    const { jobs } = await read(`${gateway.internalUrl}/jobs`)
    expect(jobs).toEqual([{ ...job, failures: undefined }].map(({ failures: _, ...rest }) => rest))
  })

  it('can be cancelled, and what is queued stays', async () => {
    const { gateway } = await start()
    const url = await order(gateway)
    await untilEqual('the batches that wait', () => metric(gateway, 'mortise_batches_waiting'), 3)
    const answer = await send(url, { method: 'DELETE' })
    expect([answer.status, JSON.parse(answer.text)]).toEqual([200, expect.objectContaining({ state: 'cancelled' })])
    expect(await metric(gateway, 'mortise_batches_waiting')).toBe(3)
  })

  it('is one of a few at one time', async () => {
    const { gateway } = await start()
    for (let at = 0; at < 4; at++) await order(gateway)
    const { status, headers, text } = await post(gateway, { bucket: 'media' })
    expect([status, JSON.parse(text).code, headers.get('retry-after')]).toEqual([503, 'overloaded', '10'])
  })
})

describe('an order is refused', async () => {
  const { config } = await configure('refused')
  const gateway = startPart('gateway', config)
  const sent = async (body: string, headers: Record<string, string>) => {
    const { internalUrl } = await gateway
    const { status, text } = await send(`${internalUrl}/jobs`, { method: 'POST', body, headers })
    return [status, JSON.parse(text).code]
  }

  it.each([
    ['of a type that a form can have', '{"bucket":"media"}', { 'content-type': 'text/plain' }, 400, 'invalid_request'],
    ['of a page', '{"bucket":"media"}', { ...json, origin: 'http://example.org' }, 403, 'forbidden'],
    ['that is no JSON', '{', json, 400, 'invalid_request'],
    ['with what nobody knows', '{"bucket":"media","force":true}', json, 400, 'invalid_request'],
    ['without a bucket', '{}', json, 400, 'invalid_request'],
    ['for a bucket that is not there', '{"bucket":"other"}', json, 400, 'no_such_bucket'],
    ['for a preset that is not there', '{"bucket":"media","presets":["huge"]}', json, 400, 'invalid_request'],
    ['that is too large', `{"bucket":"${'x'.repeat(70_000)}"}`, json, 413, 'too_large'],
  ])('%s', async (_, body, headers, status, code) => {
    expect(await sent(body, headers)).toEqual([status, code])
  })

  it('for a job that nobody knows', async () => {
    const { internalUrl, url } = await gateway
    const unknown = await get(`${internalUrl}/jobs/00000000-0000-0000-0000-000000000000`)
    expect([unknown.status, JSON.parse(unknown.text).code]).toEqual([404, 'no_such_object'])
    expect((await get(`${url}/jobs`)).status).toBe(400)
    const cancelled = await send(`${internalUrl}/jobs/x`, { method: 'DELETE', headers: { origin: 'null' } })
    expect(cancelled.status).toBe(403)
    await (await gateway).stop()
  })
})

describe('who follows a job', () => {
  const accept = { accept: 'text/event-stream' }

  /** The events of a stream, as they come. */
  async function* eventsOf(response: Response): AsyncGenerator<{ event: string; data: Record<string, unknown> }> {
    let text = ''
    for await (const chunk of response.body ?? []) {
      text += Buffer.from(chunk).toString()
      const blocks = text.split('\n\n')
      text = blocks.pop() ?? ''
      for (const block of blocks.filter(block => !block.startsWith(':'))) {
        const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1] ?? ''
        yield { event: field('event'), data: JSON.parse(field('data')) }
      }
    }
  }

  const follow = (url: string) => fetch(url, { headers: accept, signal: AbortSignal.timeout(30_000) })

  it('is told of its progress and its end', async () => {
    const gates = new Map(originals.map(name => [`/${name}`, Promise.withResolvers<void>()]))
    const { gateway } = await start({
      handler: async batch => {
        await gates.get(batch.original.key)?.promise
        return made(batch)
      },
    })
    const url = await order(gateway)
    const response = await follow(url)
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream'])
    const seen: string[] = []
    for await (const { event, data } of eventsOf(response)) {
      const step = `${event} ${data.state} ${data.done}`
      if (seen.at(-1) !== step) seen.push(step)
      if (data.queued === 3 - Number(data.done)) gates.get(`/${originals[Number(data.done)]}`)?.resolve()
    }
    expect(seen).toEqual(['progress running 0', 'progress running 1', 'progress running 2', 'end done 3'])
    const late = await all(eventsOf(await follow(url)))
    expect(late.map(({ event, data }) => [event, data.done])).toEqual([['end', 3]])
    const back = await get(url, { ...accept, 'last-event-id': '2' })
    expect(back.status).toBe(204)
  })

  it('is told when the process ends', async () => {
    const { gateway } = await start()
    const response = await follow(await order(gateway))
    const events = eventsOf(response)
    expect((await events.next()).value).toMatchObject({ event: 'progress' })
    gateway.kill('SIGTERM')
    const rest = await all(events)
    expect(rest.at(-1)).toMatchObject({ event: 'end', data: { state: 'cancelled' } })
    expect([await gateway.ended, gateway.output()]).toEqual([0, expect.not.stringMatching(signsOfACrash)])
  })

  it('is one of many, and no more than can be', async () => {
    const { gateway } = await start()
    const url = await order(gateway)
    const responses = await Promise.all(Array.from({ length: 64 }, () => follow(url)))
    expect(responses.map(({ status }) => status)).toEqual(responses.map(() => 200))
    expect((await get(url, accept)).status).toBe(503)
    await Promise.all(responses.map(({ body }) => body?.cancel()))
    await untilEqual(
      'another one to be let in',
      async () => {
        const response = await follow(url)
        await response.body?.cancel()
        return response.status
      },
      200,
    )
  })
})

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

describe('the dashboard', () => {
  it('shows both queues to who asked for it, without secrets, and changes nothing', async () => {
    const { gateway } = await start({ server: { dashboard: true } })
    await order(gateway, { presets: ['marked'] })
    await untilEqual('the batches that wait', () => metric(gateway, 'mortise_batches_waiting'), 3)
    const at = `${gateway.internalUrl}/dashboard`
    const page = await get(at)
    expect([page.status, page.text]).toEqual([200, expect.stringContaining('<title>')])
    expect(page.headers.get('content-security-policy')).toContain("default-src 'self'")
    expect((await get(`${at}/`)).status).toBe(302)
    const [script = ''] = /static\/js\/main[^"]*/.exec(page.text) ?? []
    expect((await get(`${at}/${script}`)).status).toBe(200)
    const { text } = await get(`${at}/api/queues?activeQueue=background-derive&status=prioritized&page=1`)
    const { queues } = JSON.parse(text)
    expect(queues.map(({ displayName }: { displayName: string }) => displayName)).toEqual(['interactive', 'background'])
    expect(queues[1].jobs).toHaveLength(3)
    expect(text).toContain('https://example.org/mark.png?***')
    expect(text).not.toContain(secret)
    const job = await get(`${at}/api/queues/background-derive/${encodeURIComponent(queues[1].jobs[0].id)}`)
    expect([job.status, job.text.includes(secret)]).toEqual([200, false])
    const refused = await send(`${at}/api/queues/background-derive/pause`, { method: 'PUT' })
    expect([refused.status, JSON.parse(refused.text).code]).toEqual([405, 'method_not_allowed'])
  })

  it('is not there for who did not', async () => {
    const { gateway } = await start()
    expect((await get(`${gateway.internalUrl}/dashboard`)).status).toBe(404)
  })
})
