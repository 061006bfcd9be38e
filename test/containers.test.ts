import { existsSync } from 'node:fs'
import { parseListener } from '@mortise/config'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { Client } from 'minio'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { type Part, startPart, withQueue } from './cluster.ts'
import { runCommandIn } from './command.ts'
import { checkBalancer, startBalancer } from './containers/haproxy.ts'
import { type Compose, readCompose, readDockerfile, readText, root } from './containers/read.ts'
import { photo } from './fixtures/images.ts'
import { startRedis } from './servers/redis.ts'
import { derivative, get, pictureOf } from './specs/client.ts'
import { createSite } from './specs/site.ts'
import { until } from './until.ts'

const compose = await readCompose()
const services = Object.entries(compose.services)
const dockerfile = await readDockerfile()
const mortise = parse(await readText('deploy/compose/mortise.yml'))
const ours = services.filter(([, { build }]) => build)

describe('docker-compose.yml', () => {
  const validate = readText('test/containers/compose-spec.json').then(text =>
    new Ajv2020({ strict: false, validateFormats: false }).compile(JSON.parse(text)),
  )

  it('is valid by the published schema', async () => {
    const isValid = await validate
    isValid(compose)
    expect(isValid.errors).toBe(null)
  })

  it.each<[string, (broken: Compose) => unknown]>([
    ['an unknown key', ({ services }) => Object.assign(services.gateway!, { healthchek: {} })],
    [
      'an unknown condition',
      ({ services }) => Object.assign(services.gateway!.depends_on!.redis!, { condition: 'up' }),
    ],
    ['a wrong type', ({ services }) => Object.assign(services.gateway!, { read_only: {} })],
  ])('would not be with %s', async (_, spoil) => {
    const broken = structuredClone(compose)
    spoil(broken)
    expect((await validate)(broken)).toBe(false)
  })

  it.each(services)('%s may do little, and take little', (_, service) => {
    expect(service).toMatchObject({ read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] })
    expect(Object.keys(service.deploy.resources.limits)).toEqual(['cpus', 'memory'])
    expect(service.restart).toMatch(/^(unless-stopped|no)$/)
  })

  it.each(services)('%s is of a pinned version, or built here', (_, { image, build }) => {
    if (build) expect([image, build.context]).toEqual([`mortise-${build.target}`, '.'])
    else expect(image).toMatch(/:(\d+\.\d+\.\d+|RELEASE\.[\dTZ-]+)(-\w+)?$/)
  })

  it.each(services)('%s mounts what is there, and waits for what can become so', (_, service) => {
    for (const volume of service.volumes ?? []) {
      const [from = ''] = volume.split(':')
      expect([volume, from.startsWith('.') ? existsSync(new URL(from, root)) : from in compose.volumes]).toEqual([
        volume,
        true,
      ])
    }
    for (const [name, { condition }] of Object.entries(service.depends_on ?? {})) {
      const other = compose.services[name]
      const ends = other?.restart === 'no'
      expect(condition).toBe(ends ? 'service_completed_successfully' : 'service_healthy')
      expect(ends || other?.healthcheck !== undefined).toBe(true)
    }
  })

  it('publishes nothing but the balancer, and that to this machine', () => {
    const published = services.flatMap(([name, { ports = [] }]) => ports.map(port => [name, port]))
    expect(published).toEqual([['balancer', '127.0.0.1:8080:8080']])
  })

  it('runs two gateways and two workers', () => {
    expect(ours.map(([name, { build, deploy }]) => [name, build?.target, deploy.replicas])).toEqual([
      ['gateway', 'gateway', 2],
      ['worker', 'worker', 2],
    ])
  })

  it('gives processes longer than they take to drain', () => {
    for (const [, { stop_grace_period }] of ours)
      expect(Number.parseInt(stop_grace_period ?? '0', 10)).toBeGreaterThan(mortise.server.worker.graceSeconds + 10)
  })

  it('has workers render in as many threads as they have cores', () => {
    expect(compose.services.worker?.deploy.resources.limits.cpus).toBe(String(mortise.server.worker.threads))
  })

  it('keeps the queue: append-only, and nothing evicted', () => {
    const command = compose.services.redis?.command?.join(' ')
    expect(command).toContain('--appendonly yes')
    expect(command).toContain('--maxmemory-policy noeviction')
    expect(compose.services.redis?.volumes).toEqual(['redis:/data'])
  })

  it('has MinIO announce what changes behind the gateways, with the secret that they know', () => {
    const { environment: minio = {} } = compose.services.minio ?? {}
    expect(minio.MINIO_NOTIFY_WEBHOOK_ENDPOINT_MORTISE).toBe('http://balancer:8080/-/events/s3')
    for (const [, { environment }] of ours)
      expect(environment?.EVENTS_SECRET).toBe(minio.MINIO_NOTIFY_WEBHOOK_AUTH_TOKEN_MORTISE)
  })
})

describe('the configuration of the containers', () => {
  it.each(ours)('of the %s has no mistake and no warning', async (_, { environment }) => {
    const file = new URL('deploy/compose/mortise.yml', root).pathname
    const { code, stdout } = await runCommandIn({ env: environment ?? {} }, 'check', '--strict', file)
    expect({ code, stdout }).toMatchObject({ code: 0 })
  })

  it('names the ports and hosts that there are', async () => {
    const listens = [mortise.server.listen, mortise.server.internalListen].map(parseListener)
    expect(listens).toMatchObject([{ port: 8080 }, { port: 8081 }])
    expect(await readText('deploy/health.cjs')).toContain('?? 8081')
    expect(await readText('deploy/compose/haproxy.cfg')).toMatch(/ port 8081 .*\n.* gateway:8080$/m)
    const { endpoint, bucket } = mortise.buckets.media.storages.basic
    expect([endpoint, ...mortise.server.queue.address].map(address => new URL(address).hostname)).toEqual([
      'minio',
      'redis',
    ])
    expect(await readText('deploy/compose/set-up-minio.sh')).toContain(`mc mb --ignore-existing store/${bucket} `)
  })
})

describe('the Dockerfile', () => {
  const of = (word: string) => dockerfile.filter(found => found.word === word)

  it('starts from one pinned image, which has the Node that everything runs on', async () => {
    const stages = new Set(dockerfile.map(({ stage }) => stage))
    const from = of('FROM').map(({ rest }) => rest.split(' ')[0] ?? '')
    const { nodeVersion } = parse(await readText('pnpm-workspace.yaml'))
    expect(from.filter(name => !stages.has(name))).toEqual([`node:${nodeVersion}-trixie-slim`])
  })

  it('installs with the pnpm that the launcher runs', async () => {
    const [pnpm = 'none'] = /pnpm@[\d.]+/.exec(await readText('services/cli/bin/setup')) ?? []
    expect(of('RUN').filter(({ rest }) => rest.includes(pnpm))).toHaveLength(1)
  })

  it('copies only what is there and not ignored, and names only what it has copied', async () => {
    const shown = (await readText('.dockerignore'))
      .split('\n')
      .flatMap(line => (line.startsWith('!') ? [line.slice(1)] : []))
    const copied = of('COPY').filter(({ rest }) => !rest.startsWith('--from'))
    const sources = copied.flatMap(({ rest }) => rest.split(' ').slice(0, -1))
    expect(sources.filter(name => !existsSync(new URL(name, root)))).toEqual([])
    expect(sources.toSorted()).toEqual(shown.toSorted())
    const named = dockerfile.flatMap(({ rest }) => rest.match(/(?<="\/mortise\/)[^"]+/g) ?? [])
    expect(named).toEqual(['deploy/health.cjs', 'services/cli/bin/mortise'])
    expect(named.filter(name => !existsSync(new URL(name, root)))).toEqual([])
  })

  it.each(['gateway', 'worker'])(
    'ends in a %s that is not root and reads its configuration where it is mounted',
    target => {
      const users = of('USER').map(({ stage, rest }) => [stage, rest])
      expect(users).toEqual([['runtime', 'node']])
      expect(of('FROM').find(({ stage }) => stage === target)?.rest).toBe(`runtime AS ${target}`)
      const command = of('CMD').find(({ stage }) => stage === target)
      expect(JSON.parse(command?.rest ?? '')).toEqual([target, '--config', '/etc/mortise/mortise.yml'])
      expect(compose.services[target]?.volumes).toContain('./deploy/compose/mortise.yml:/etc/mortise/mortise.yml:ro')
    },
  )

  it('says which version it holds', async () => {
    const { version } = JSON.parse(await readText('services/cli/package.json'))
    expect(of('LABEL')[0]?.rest).toContain(`org.opencontainers.image.version="${version}"`)
  })
})

describe('the balancer', () => {
  const stack = new AsyncDisposableStack()
  afterAll(() => stack.disposeAsync())
  let gateways: Part[] = []
  let url = ''

  beforeAll(async () => {
    const site = await createSite({ 'media/photo.jpg': await photo(60, 40) })
    const keys = [{ accessKey: 'acc', secretAccessKey: 'secret' }]
    const storages = (await site.emptyStore()).storages()
    const buckets = { media: { keys, storages, transform: { kind: 'query' } } }
    const redis = stack.use(await startRedis())
    const config = withQueue({ server: {}, buckets }, redis.url)
    stack.use(await startPart('worker', config))
    gateways = await Promise.all([0, 1].map(async () => stack.use(await startPart('gateway', config))))
    const balancer = stack.adopt(await startBalancer(gateways), balancer => balancer.stop())
    url = balancer.endpoint
  })

  it('has a configuration without a warning', async () => {
    expect(await checkBalancer()).toBe('')
  })

  it('passes derivatives on, and an upload of several times its buffers', async () => {
    expect(await pictureOf(await get(`${url}/media/photo.jpg?width=30`))).toEqual(derivative('30x20'))
    const { hostname, port } = new URL(url)
    const client = new Client({
      ...{ endPoint: hostname, port: Number(port), useSSL: false, region: 'mort' },
      ...{ accessKey: 'acc', secretKey: 'secret', partSize: 64 * 1024 * 1024 },
    })
    const bytes = Buffer.alloc(32 * 1024 * 1024, 'x')
    await client.putObject('media', 'large.bin', bytes)
    expect((await client.statObject('media', 'large.bin')).size).toBe(bytes.length)
  })

  it('loses no request when a gateway is stopped', async () => {
    const statuses: number[] = []
    let done = false
    const ask = async () => {
      while (!done) statuses.push((await get(`${url}/media/photo.jpg?width=${20 + (statuses.length % 30)}`)).status)
    }
    const load = Promise.all([ask(), ask(), ask(), ask()])
    const more = () => {
      const before = statuses.length
      return until('more answers', () => statuses.length > before + 50)
    }
    await more()
    gateways[0]?.kill('SIGTERM')
    expect(await gateways[0]?.ended).toBe(0)
    await more()
    done = true
    await load
    expect([...new Set(statuses)]).toEqual([200])
  })
})
