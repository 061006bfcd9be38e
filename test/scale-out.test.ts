import { Agent, createServer, request as send } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream'
import { Client } from 'minio'
import sharp from 'sharp'
import { expect, it, onTestFinished } from 'vitest'
import { type Part, startPart, withQueue } from './cluster.ts'
import { photo } from './fixtures/images.ts'
import { signsOfACrash, tally } from './observe.ts'
import { startRedis } from './servers/redis.ts'
import { startS3Server } from './servers/s3.ts'
import { get, metric } from './specs/client.ts'
import { until, untilEqual } from './until.ts'

const originals = 8
/** Derivatives; the machine is not so fast that it makes them before the workers have come and gone. */
const most = originals * 600
/** Requests on their way at one time. */
const clients = 12

/** Two gateways over Redis and S3, and as many workers as are started. */
async function start() {
  const s3 = await startS3Server()
  onTestFinished(() => s3.stop())
  const redis = await startRedis()
  onTestFinished(() => redis.stop())
  await Promise.all(['photos', 'made'].map(s3.createBucket))
  const { accessKey, secretAccessKey } = s3
  const { hostname, port } = new URL(s3.endpoint)
  const client = new Client({ endPoint: hostname, port: +port, useSSL: false, accessKey, secretKey: secretAccessKey })
  const picture = Buffer.from(await photo(640, 480))
  for (let at = 0; at < originals; at++)
    await client.putObject('photos', `${at}.jpg`, picture, picture.length, { 'Content-Type': 'image/jpeg' })

  function open(role: 'gateway' | 'worker', endpoint = s3.endpoint): Promise<Part> {
    const storage = { kind: 's3', endpoint, accessKey, secretAccessKey, region: 'us-east-1' }
    const storages = { basic: storage, transform: { ...storage, bucket: 'made' } }
    const buckets = { photos: { storages, transform: { kind: 'query' } } }
    return openPart(role, withQueue({ server: {}, buckets }, redis.url, { lockDuration: 1_000, stalledInterval: 300 }))
  }

  /** What it stored is known even when it is not there any more to tell. */
  async function openWorker() {
    const way = await startWay(s3.endpoint)
    return { part: await open('worker', way.endpoint), stored: way.stored }
  }
  return { openGateway: () => open('gateway'), openWorker }
}

async function openPart(role: 'gateway' | 'worker', config: Parameters<typeof startPart>[1]): Promise<Part> {
  const part = await startPart(role, config)
  onTestFinished(() => part.stop())
  return part
}

/** Passes everything on to a server of S3, and writes down which derivatives are stored. */
async function startWay(target: string) {
  const stored: string[] = []
  const agent = new Agent({ keepAlive: true })
  const server = createServer((request, response) => {
    const { method, url = '/', headers } = request
    if (method === 'PUT' && url.startsWith('/made/') && !url.includes('.mortise')) stored.push(url)
    const { hostname: host, port } = new URL(target)
    const passed = send({ host, port, path: url, method, headers, agent }, answer => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      pipeline(answer, response, () => {})
    })
    pipeline(request, passed, error => error && response.destroy())
    response.once('close', () => passed.destroy())
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
    agent.destroy()
  })
  return { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, stored }
}

/** Asks for one derivative after the other, each of both gateways at nearly the same time, until it is told to stop. */
function createLoad(gateways: [Part, Part]) {
  const results: string[] = []
  let asked = 0
  let stopped = false
  const lane = async (lane: number) => {
    while (!stopped && asked < most * 2) {
      const nth = asked++
      const at = Math.floor(nth / 2)
      const width = 40 + Math.floor(at / originals)
      const { url } = gateways[(nth % 2) as 0 | 1]
      const request = { url: `${url}/photos/${at % originals}.jpg?width=${width}`, width }
      results.push(await resultOf(request).catch(error => `lane ${lane}: ${error}`))
    }
  }
  return {
    results,
    asked: () => asked,
    derivatives: () => Math.ceil(asked / 2),
    run: () => Promise.all(Array.from({ length: clients }, (_, nth) => lane(nth))),
    more: (count: number) => {
      const enough = results.length + count
      return until(`${count} more answers`, () => results.length >= enough)
    },
    stop: () => {
      stopped = true
    },
  }
}

async function resultOf({ url, width }: { url: string; width: number }): Promise<string> {
  const { status, bytes } = await get(url)
  if (status !== 200) return `${status}`
  const { info } = await sharp(bytes).raw().toBuffer({ resolveWithObject: true })
  return info.width === width && info.height === Math.round((width * 3) / 4) ? 'right' : `${info.width}x${info.height}`
}

it('workers come and go under load, and no request is lost and no derivative made in vain', async () => {
  const { openGateway, openWorker } = await start()
  const [one, two, first] = await Promise.all([openGateway(), openGateway(), openWorker()])
  const load = createLoad([one, two])
  const running = load.run()
  await load.more(20)
  const [second, third] = await Promise.all([openWorker(), openWorker()])
  const workers = [first, second, third]
  for (const { stored } of [second, third]) await until('a new worker to take part', () => stored.length > 2)

  second.part.kill('SIGTERM')
  expect(await second.part.ended).toBe(0)
  await until('the other worker to have jobs in hand', async () => (await inHand(third.part)) > 0)
  third.part.kill('SIGKILL')
  expect(await third.part.ended).toBe('SIGKILL')
  // Among them those that the dead one had in hand.
  await load.more(clients * 3)
  expect(load.asked()).toBeLessThan(most * 2)
  load.stop()
  await running

  expect(tally(load.results)).toEqual({ right: load.asked() })
  await untilEqual('the jobs in hand', () => inHand(first.part), 0)
  expect(new Set(workers.flatMap(({ stored }) => stored)).size).toBe(load.derivatives())
  // Those that the killed one had in hand were made again by the one that is left, if they were made at all.
  const alive = [...first.stored, ...second.stored]
  expect(alive.filter((name, at) => alive.indexOf(name) < at)).toEqual([])
  expect(third.stored.filter((name, at) => third.stored.indexOf(name) < at)).toEqual([])
  expect(await metric(first.part, 'mort_generation_time_count')).toBe(first.stored.length)
  for (const part of [one, two, ...workers.map(({ part }) => part)]) expect(part.output()).not.toMatch(signsOfACrash)
}, 120_000)

const inHand = (worker: Part) => metric(worker, 'mortise_jobs_in_hand')
