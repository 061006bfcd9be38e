import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { buffer } from 'node:stream/consumers'
import { PutObjectCommand } from '@aws-sdk/client-s3'
import { buildARN, Client, NotificationConfig, type NotificationEvent, QueueConfig } from 'minio'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Part, startPart, withQueue } from '../cluster.ts'
import { startRedis } from '../servers/redis.ts'
import { findMinio, startMinio } from '../servers/s3.ts'
import { until } from '../until.ts'
import { get, metric, send } from './client.ts'
import { keys, sdk } from './s3-site.ts'

const secret = 'a-secret-of-the-test'
const [red, blue] = await Promise.all(
  ['rgb(200, 30, 30)', 'rgb(30, 30, 200)'].map(background =>
    sharp({ create: { width: 120, height: 80, channels: 3, background } })
      .jpeg()
      .toBuffer(),
  ),
)

/** `red` or `blue`, or the status of what is no picture. */
async function seen(url: string): Promise<string> {
  const { status, bytes } = await get(url)
  if (status !== 200) return String(status)
  const [r, , b] = (await sharp(bytes).stats()).channels
  return (r?.mean ?? 0) > (b?.mean ?? 0) ? 'red' : 'blue'
}

/** What MinIO sends, passed on to a gateway once there is one. */
async function startRelay() {
  type Passed = { method: string; authorization: string; status: number; names: string[] }
  const passed: Passed[] = []
  const relay = { url: '', target: '', refuse: 0, passed, [Symbol.asyncDispose]: async () => void server.close() }
  const server = createServer(async (request, response) => {
    const body = await buffer(request)
    const { method = '', headers } = request
    const { authorization = '', 'content-type': type = '' } = headers
    let status = 503
    if (relay.refuse > 0) relay.refuse--
    else {
      const sent = { method, body, headers: { authorization, 'content-type': type } }
      status = (await fetch(relay.target, sent).catch(() => ({ status: 502 }))).status
    }
    const records: { eventName: string; s3: { object: { key: string } } }[] = JSON.parse(body.toString()).Records
    const names = records.map(
      ({ eventName, s3 }) => `${eventName} ${decodeURIComponent(s3.object.key.replaceAll('+', ' '))}`,
    )
    passed.push({ method, authorization, status, names })
    response.writeHead(status).end()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  relay.url = `http://127.0.0.1:${(server.address() as { port: number }).port}/-/events/s3`
  return relay
}

/** A MinIO that tells one of two gateways what happens in its bucket. */
async function start() {
  const stack = new AsyncDisposableStack()
  const redis = stack.use(await startRedis())
  const relay = stack.use(await startRelay())
  const folder = await mkdtemp(path.join(tmpdir(), 'mortise-events-'))
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  const binary = await findMinio()
  if (!binary) throw new Error('these tests need MinIO, or Go to build it')
  const server = await startMinio(binary, {
    MINIO_NOTIFY_WEBHOOK_ENABLE_MORTISE: 'on',
    MINIO_NOTIFY_WEBHOOK_ENDPOINT_MORTISE: relay.url,
    MINIO_NOTIFY_WEBHOOK_AUTH_TOKEN_MORTISE: secret,
    MINIO_NOTIFY_WEBHOOK_QUEUE_DIR_MORTISE: folder,
  })
  stack.defer(() => server.stop())
  await server.createBucket('store')
  const { endpoint, accessKey, secretAccessKey } = server
  const { hostname, port } = new URL(endpoint)
  const at = { endPoint: hostname, port: Number(port), useSSL: false, region: 'us-east-1' }
  const minio = new Client({ ...at, accessKey, secretKey: secretAccessKey })
  const queue = new QueueConfig(buildARN('minio', 'sqs', '', 'MORTISE', 'webhook'))
  for (const name of ['s3:ObjectCreated:*', 's3:ObjectRemoved:*']) queue.addEvent(name as NotificationEvent)
  const notifications = new NotificationConfig()
  notifications.add(queue)
  await minio.setBucketNotification('store', notifications)

  const storage = (pathPrefix: string) => ({
    ...{ kind: 's3', region: 'us-east-1', endpoint, accessKey, secretAccessKey },
    ...{ bucket: 'store', pathPrefix },
  })
  const bucket = (name: string, made: string) => ({
    keys: [keys],
    storages: { basic: storage(name), transform: storage(made) },
    transform: {
      kind: 'presets',
      path: '^/(?P<presetName>small|large)/(?P<parent>.+)$',
      presets: { small: { filters: { thumbnail: { width: 40 } } }, large: { filters: { thumbnail: { width: 60 } } } },
      parentBucket: name,
    },
    pregenerate: { presets: ['small'] },
  })
  const config = {
    server: { events: { secret } },
    headers: [{ statusCodes: [200], values: { 'cache-control': 'max-age=600' } }],
    // All in one container: what is made and stored there causes events as well.
    buckets: { photos: bucket('photos', 'photos/made'), mixed: bucket('mixed', 'mixed') },
  }
  const shared = withQueue(config, redis.url)
  const roles = ['gateway', 'gateway', 'worker'] as const
  const [told, other, worker] = (await Promise.all(
    roles.map(async role => stack.use(await startPart(role, shared))),
  )) as [Part, Part, Part]
  relay.target = `${told.url}/-/events/s3`
  return { stack, relay, minio, told, other, worker }
}

describe('a MinIO that tells of its objects', () => {
  let site: Awaited<ReturnType<typeof start>>
  beforeAll(async () => {
    site = await start()
  })
  afterAll(() => site?.stack.disposeAsync())

  const taken = (name: string) =>
    site.relay.passed.filter(({ status, names }) => status === 200 && names.includes(name)).length
  const handled = (name: string, times = 1) => until(`${name} to be taken`, () => taken(name) >= times)
  /** Behind the back of Mortise, which has been told of it when this resolves. */
  const put = async (key: string, bytes = red) => {
    const event = `s3:ObjectCreated:Put ${key}`
    const before = taken(event)
    await site.minio.putObject('store', key, bytes ?? '', undefined, { 'Content-Type': 'image/jpeg' })
    await handled(event, before + 1)
  }
  const everybodySees = async (target: string, what: string) => {
    const all = [site.told, site.other].map(({ url }) => seen(url + target))
    expect(await Promise.all(all)).toEqual([what, what])
  }
  const listed = async (prefix: string) => {
    const objects: { name?: string }[] = await site.minio.listObjectsV2('store', prefix, true).toArray()
    return objects.map(({ name }) => name)
  }
  const queued = () => metric(site.told, 'mortise_batches_total')

  it('is heard when an object is replaced behind our back: nobody sees the one before any more', async () => {
    await put('photos/cat.jpg', red)
    for (const target of ['/photos/cat.jpg', '/photos/small/cat.jpg', '/photos/large/cat.jpg']) {
      await everybodySees(target, 'red')
    }
    await put('photos/cat.jpg', blue)
    for (const target of ['/photos/cat.jpg', '/photos/small/cat.jpg', '/photos/large/cat.jpg']) {
      await everybodySees(target, 'blue')
    }
  })

  it('is heard when an object is deleted: nothing is left of it', async () => {
    await put('photos/gone.jpg')
    await everybodySees('/photos/large/gone.jpg', 'red')
    await site.minio.removeObject('store', 'photos/gone.jpg')
    await handled('s3:ObjectRemoved:Delete photos/gone.jpg')
    for (const target of ['/photos/large/gone.jpg', '/photos/small/gone.jpg', '/photos/gone.jpg']) {
      await everybodySees(target, '404')
    }
    expect((await listed('photos/')).filter(name => name?.includes('gone'))).toEqual([])
  })

  it('has derivatives made ahead of what is new', async () => {
    await put('photos/new/picture.jpg')
    await until('its derivative', async () => (await listed('photos/made/')).some(name => name?.includes('picture')))
  })

  it('is understood, whatever the name', async () => {
    const names = ['a b.jpg', 'a+b.jpg', 'näive 100%.jpg', 'tabby?&#=.jpg', '日本/猫.jpg']
    for (const [colour, bytes] of Object.entries({ red, blue })) {
      await Promise.all(names.map(name => put(`photos/${name}`, bytes)))
      for (const name of names) {
        await everybodySees(`/photos/large/${name.split('/').map(encodeURIComponent).join('/')}`, colour)
      }
    }
  })

  it.each(['photos', 'mixed'])('tells of derivatives in %s, of which no further ones are made', async bucket => {
    const before = await queued()
    const prefix = bucket === 'photos' ? 'photos/made/' : 'mixed/'
    await put(`${bucket}/one.jpg`)
    const made = () =>
      listed(prefix).then(names => names.find(name => name?.includes('one') && name !== 'mixed/one.jpg'))
    await until('its derivative', async () => (await made()) !== undefined)
    await handled(`s3:ObjectCreated:Put ${await made()}`)
    expect(await queued()).toBe(before + 1)
    expect((await listed(prefix)).filter(name => name?.includes('one'))).toHaveLength(bucket === 'photos' ? 1 : 2)
  })

  it('tells of what came through Mortise as well, and that is the end of it', async () => {
    const before = await queued()
    const command = { Bucket: 'photos', Key: 'own.jpg', Body: red, ContentType: 'image/jpeg' }
    await sdk(site.told.url).send(new PutObjectCommand(command))
    await handled('s3:ObjectCreated:Put photos/own.jpg')
    await everybodySees('/photos/small/own.jpg', 'red')
    const [made = ''] = (await listed('photos/made/')).filter(name => name?.includes('own'))
    await handled(`s3:ObjectCreated:Put ${made}`)
    expect(await queued()).toBe(before + 2)
  })

  it('tells again what was not taken', async () => {
    await put('photos/again.jpg', red)
    await everybodySees('/photos/large/again.jpg', 'red')
    site.relay.refuse = 2
    await put('photos/again.jpg', blue)
    await everybodySees('/photos/large/again.jpg', 'blue')
    expect(site.relay.passed.filter(({ status, names }) => status === 503 && names[0]?.includes('again'))).toHaveLength(
      2,
    )
  })

  it('asks in no other way', () => {
    const forms = new Set(site.relay.passed.map(({ method, authorization }) => `${method} ${authorization}`))
    expect([...forms]).toEqual([`POST Bearer ${secret}`])
  })
})

describe('events of an Amazon S3', () => {
  const stack = new AsyncDisposableStack()
  let part: Part
  let silent: Part
  beforeAll(async () => {
    const buckets = { photos: { storages: { basic: { kind: 'memory' } } } }
    part = stack.use(await startPart('serve', { server: { events: { secret } }, buckets }))
    silent = stack.use(await startPart('serve', { buckets }))
  })
  afterAll(() => stack.disposeAsync())

  const authorization = `Bearer ${secret}`
  const post = async (body: unknown, headers: Record<string, string> = { authorization }, to = part) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    const answer = await send(`${to.url}/-/events/s3`, { method: 'POST', headers, body: text })
    return `${answer.status} ${answer.text}`
  }
  const done = '200 {"status":"done"}'
  const refused = (status: number, code: string) => `${status} {"message":"error","code":"${code}"}`

  it('are taken, about whatever they are', async () => {
    const event = {
      eventVersion: '2.1',
      eventSource: 'aws:s3',
      awsRegion: 'us-west-2',
      eventTime: '1970-01-01T00:00:00.000Z',
      eventName: 'ObjectCreated:Put',
      userIdentity: { principalId: 'AIDAJDPLRKLG7UEXAMPLE' },
      s3: {
        s3SchemaVersion: '1.0',
        configurationId: 'testConfigRule',
        bucket: { name: 'mybucket', ownerIdentity: { principalId: 'A3NL1KOZZKExample' }, arn: 'arn:aws:s3:::mybucket' },
        object: {
          key: 'Happy+Face.jpg',
          size: 1024,
          eTag: 'd41d8cd98f00b204e9800998ecf8427e',
          sequencer: '0055AED6DCD90281E5',
        },
      },
    }
    expect(await post({ Records: [event] })).toBe(done)
    expect(await post({ Service: 'Amazon S3', Event: 's3:TestEvent', Bucket: 'mybucket' })).toBe(done)
  })

  it('are taken from nobody else', async () => {
    expect(await post({ Records: [] }, {})).toBe(refused(403, 'forbidden'))
    expect(await post({ Records: [] }, { authorization: 'Bearer another-secret-of-the-test' })).toBe(
      refused(403, 'forbidden'),
    )
    expect(await post('x'.repeat(8 * 1024 * 1024), {})).toBe(refused(403, 'forbidden'))
    expect(await post({ Records: [] }, { authorization }, silent)).toBe(refused(404, 'no_such_object'))
  })

  it('are refused when they are none', async () => {
    expect(await post('')).toBe(refused(400, 'invalid_request'))
    expect(await post(' '.repeat(2 * 1024 * 1024))).toBe(refused(413, 'too_large'))
    expect(await post('<xml/>', { authorization, 'content-type': 'text/xml' })).toBe(refused(400, 'invalid_request'))
    const { status, headers } = await get(`${part.url}/-/events/s3`, { authorization })
    expect([status, headers.get('allow')]).toEqual([405, 'POST'])
  })
})
