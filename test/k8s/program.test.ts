import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { PutObjectCommand } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { photo } from '../fixtures/images.ts'
import { derivative, get, pictureOf, send } from '../specs/client.ts'
import { sdk } from '../specs/s3-site.ts'
import { until } from '../until.ts'
import { type Labels, ofKind, roleOf, valuesOf, workloadsOf } from './read.ts'
import { findKustomize, render } from './render.ts'
import { type Site, startSite, trial } from './site.ts'

const kustomize = await findKustomize()
const repository = (name: string) => readFile(new URL(`../../${name}`, import.meta.url), 'utf8')
const production = kustomize ? await render(kustomize, 'overlays/production') : []
const dev = kustomize ? await render(kustomize, 'overlays/dev') : []

describe.runIf(kustomize)('what k8s/ says of the program', () => {
  let site: Site
  beforeAll(async () => {
    site = await startSite(production)
  }, 120_000)
  afterAll(() => site?.[Symbol.asyncDispose]())

  it('is so: a gateway and a worker with this configuration take an original and serve a preset of it', async () => {
    const { MEDIA_ACCESS_KEY, MEDIA_SECRET_KEY } = site.variables
    const client = sdk(site.gateway.url, { accessKeyId: MEDIA_ACCESS_KEY!, secretAccessKey: MEDIA_SECRET_KEY! })
    const Body = await photo(1200, 800)
    await client.send(new PutObjectCommand({ Bucket: 'media', Key: 'a.jpg', Body, ContentType: 'image/jpeg' }))
    const answer = await get(`${site.gateway.url}/media/medium/a.jpg`)
    expect(await pictureOf(answer)).toEqual(derivative('768x512'))
  })

  it('is so: an upgrade of both loses no request', async () => {
    const { url } = site.gateway
    const endpoints = [url]
    let width = 100
    let upgraded = false
    // Clients that ask for what nobody has made yet, of whatever gateway there is.
    const client = async () => {
      const statuses: number[] = []
      while (!upgraded) {
        const endpoint = endpoints[width % endpoints.length]!
        statuses.push((await get(`${endpoint}/media/a.jpg?width=${width++}`)).status)
      }
      return statuses
    }
    const clients = Promise.all([client(), client(), client(), client()])
    const [gateway, worker] = await Promise.all([site.start('gateway'), site.start('worker')])
    // As preStop gives them the time to: proxies know of the new one, and then no more of the old one.
    endpoints.splice(0, 1, gateway.url)
    for (const old of [site.gateway, site.worker]) old.kill('SIGTERM')
    expect(await Promise.all([site.gateway.ended, site.worker.ended])).toEqual([0, 0])
    const before = width
    await until('requests to the new ones', () => width > before + 8)
    upgraded = true
    const statuses = (await clients).flat()
    expect(new Set(statuses)).toEqual(new Set([200]))
    Object.assign(site, { gateway, worker })
  })

  it('is so: every probe succeeds', async () => {
    for (const role of ['gateway', 'worker'] as const) {
      const { container } = roleOf(production, role)
      const { url, internalUrl } = site[role]
      const urls: Record<string, string> = { http: url, internal: internalUrl }
      for (const probe of [container.startupProbe, container.readinessProbe, container.livenessProbe]) {
        if (probe?.httpGet) expect((await get(urls[probe.httpGet.port] + probe.httpGet.path)).status).toBe(200)
        else await reaches(urls[probe?.tcpSocket?.port ?? ''] ?? '')
      }
    }
  })

  it('is so: every metric that it scales, alerts and advises by is there, with its labels', async () => {
    const { path: where } = (valuesOf(production, 'endpoints') as { path: string }[][])[0]![0]!
    await send(`${site.gateway.url}/media/absent/none`)
    const texts = await Promise.all(
      [site.gateway, site.worker].map(async part => (await get(part.internalUrl + where)).text),
    )
    const queries = valuesOf(production, 'query') as string[]
    const alerts = valuesOf(production, 'expr') as string[]
    expect([queries.length, alerts.length]).toEqual([3, 9])
    // What KEDA asks for is in every process.
    for (const text of texts)
      expect(metricsOf(queries.join(' ')).filter(({ name }) => !isThere(text, name))).toEqual([])
    const used = metricsOf([...queries, ...alerts, await repository('k8s/README.md')].join(' '))
    expect(used.filter(({ name }) => !isThere(texts.join('\n'), name))).toEqual([])
    const codes = [...(await repository('packages/errors/src/errors.ts')).matchAll(/^ {2}(\w+): \{ retry/gm)].map(
      ([, code]) => code,
    )
    for (const { labels } of used) {
      expect(['namespace', 'code', 'status', 'le', 'pod']).toEqual(expect.arrayContaining(Object.keys(labels)))
      for (const code of labels.code?.split('|') ?? []) expect(codes).toContain(code)
    }
  })

  it('is so: where MinIO sends its events, they are taken with its token', async () => {
    const { env = [] } = workloadsOf(dev).find(({ name }) => name === 'minio')?.pod.containers[0] ?? {}
    const endpoint = new URL(env.find(({ name }) => name.includes('ENDPOINT'))?.value ?? '')
    const token = env
      .find(({ name }) => name.includes('TOKEN'))
      ?.value?.replace('$(EVENTS_SECRET)', trial.EVENTS_SECRET!)
    const sent = { method: 'POST', body: JSON.stringify({ Records: [] }) }
    const headers = { 'content-type': 'application/json', authorization: token ?? '' }
    expect((await send(site.gateway.url + endpoint.pathname, { ...sent, headers })).status).toBe(200)
    expect((await send(site.gateway.url + endpoint.pathname, sent)).status).toBe(403)
    expect(ofKind(dev, 'Service').map(({ name }) => name)).toContain(endpoint.hostname)
  })
})

async function reaches(url: string): Promise<void> {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port) })
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  socket.destroy()
}

/** The series of an expression, or a text, and the labels by which it chooses. */
function metricsOf(text: string): { name: string; labels: Labels }[] {
  return [...text.matchAll(/\b(mortise_\w+)(?:\{([^}]*)\})?/g)].map(([, name = '', inside = '']) => {
    const labels = [...inside.matchAll(/(\w+)(?:=~?|!=|!~)"([^"]*)"/g)].map(([, label, value]) => [label, value])
    return { name, labels: Object.fromEntries(labels) as Labels }
  })
}

function isThere(text: string, name: string): boolean {
  const family = name.replace(/_(bucket|sum|count)$/, '')
  return [name, family].some(one => text.includes(`# TYPE ${one} `))
}
