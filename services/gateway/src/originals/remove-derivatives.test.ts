import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { loadConfig } from '@mortise/config'
import { MortiseError } from '@mortise/errors'
import { createPlanner, createTraces, type Plan } from '@mortise/plan'
import type { Storage } from '@mortise/storage'
import { createLocalStorage } from '@mortise/storage/local'
import { createLocalMetaStorage } from '@mortise/storage/local-meta'
import { createMemoryStorage } from '@mortise/storage/memory'
import { createNoopStorage } from '@mortise/storage/noop'
import { writeRecord } from '@mortise/storage/record'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createRemoveDerivatives } from './remove-derivatives.ts'

const never = new AbortController().signal
const timeouts = { call: 10_000, all: 10_000 }
const presets = { small: { quality: 75, filters: { thumbnail: { width: 100 } } } }
const byName = {
  kind: 'presets-query',
  path: '^/(?P<presetName>small)/(?P<parent>.+)$',
  presets,
  parentBucket: 'media',
}
const original = { storage: 'media/basic', bucket: 'media', key: '/trip/a.jpg' }

type Kind = 'memory' | 'local' | 'local-meta'

/** A bucket with two storages of a kind, in one folder or in two. */
async function createSite(
  kind: Kind,
  { transform = {}, together = false }: { transform?: object; together?: boolean },
) {
  const folder = await mkdtemp(path.join(tmpdir(), 'mortise-removal-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const roots = { basic: path.join(folder, 'one'), transform: path.join(folder, together ? 'one' : 'two') }
  for (const root of Object.values(roots)) await mkdir(root, { recursive: true })
  const storages = Object.fromEntries(Object.entries(roots).map(([name, rootPath]) => [name, { kind, rootPath }]))
  const media = { storages, transform: { ...byName, ...transform } }
  const { config } = loadConfig(JSON.stringify({ buckets: { media } }), { env: {}, baseDir: '/' })
  const open = (rootPath: string): Storage => {
    if (kind === 'memory') return createMemoryStorage({ maxBytes: 1_000_000 })
    return kind === 'local' ? createLocalStorage({ rootPath }) : createLocalMetaStorage({ rootPath })
  }
  const opened = new Map(Object.entries(roots).map(([name, root]) => [`media/${name}`, open(root)]))
  return { ...siteOf(opened), planner: createPlanner(config), traceOf: createTraces(config) }
}

function siteOf(storages: Map<string, Storage>) {
  const storage = (name: string) => storages.get(name)!
  const put = (name: string, key: string, text: string, metadata: Record<string, string> = {}) =>
    storage(name).put(
      { bucket: 'media', key },
      { body: Buffer.from(text), size: Buffer.byteLength(text), metadata },
      never,
    )
  return {
    storage,
    put,
    /** As a worker does. */
    async make(plan: Plan, traceOf: ReturnType<typeof createTraces>) {
      const { storage: name, key } = plan.derivative
      const facts = { size: 4, width: 1, height: 1, original: 'v1', etag: 'e', modified: 1 }
      await put(name, key, 'made', writeRecord({ ...facts, plan: plan.id }))
      const trace = traceOf(plan, 'v1')
      if (trace !== null) await put(name, trace, key)
    },
    async keys(name: string) {
      const all = ['/', '/.mortise/'].map(prefix =>
        storage(name).list!('media', { prefix, limit: 1000, signal: never }),
      )
      return (await Promise.all(all)).flatMap(({ objects }) => objects.map(({ key }) => key))
    },
  }
}

type Site = Awaited<ReturnType<typeof createSite>>

function planOf({ planner }: Site, target: string): Plan {
  const resolution = planner.plan({ target, accepts: [] })
  if (resolution.kind !== 'derivative') throw new Error('no derivative')
  return resolution.plan
}

const requests = ['/media/small/trip/a.jpg', '/media/trip/a.jpg?width=5', '/media/trip/a.jpg?width=6&format=png']

const keyed: [string, object][] = [
  ['digests', { resultKey: 'hash' }],
  ['paths', { resultKey: 'path' }],
  ["mort's hash", { mortKeys: true, resultKey: 'hash' }],
  ["mort's hashParent", { mortKeys: true, resultKey: 'hashParent' }],
]
const kinds: Kind[] = ['memory', 'local', 'local-meta']
const rows = kinds.flatMap(kind =>
  keyed.flatMap(([name, transform]) => [false, true].map(together => [kind, name, together, transform] as const)),
)

describe('what was made of an original', () => {
  it.each(rows)(
    'is taken away from %s, under %s, in one folder with originals: %s',
    async (kind, _, together, transform) => {
      const site = await createSite(kind, { transform, together })
      await site.put('media/basic', original.key, 'the original')
      await site.put('media/basic', '/trip/b.jpg', 'another original')
      for (const target of requests) await site.make(planOf(site, target), site.traceOf)
      const ofAnother = planOf(site, '/media/trip/b.jpg?width=5')
      await site.make(ofAnother, site.traceOf)
      const before = await site.keys('media/transform')

      await createRemoveDerivatives({ ...site, timeouts })(original)
      const left = await site.keys('media/transform')
      expect(before.length).toBeGreaterThan(left.length)
      const traces = [site.traceOf(ofAnother, 'v1')].filter(trace => trace !== null)
      const originals = together && kind !== 'memory' ? ['/trip/a.jpg', '/trip/b.jpg'] : []
      expect(left.toSorted()).toEqual([...originals, ofAnother.derivative.key, ...traces].toSorted())
      expect(await site.keys('media/basic')).toEqual(expect.arrayContaining(['/trip/a.jpg', '/trip/b.jpg']))
    },
  )

  it('is taken away although mort has stored it, without a record and without a trace', async () => {
    const site = await createSite('local-meta', { transform: { resultKey: 'path' } })
    await site.put('media/transform', '/small/trip/a.jpg', 'of mort')
    await createRemoveDerivatives({ ...site, timeouts })(original)
    expect(await site.keys('media/transform')).toEqual([])
  })

  it.each(['local', 'local-meta'] as const)(
    'is never an original that lies where derivatives could, in %s',
    async kind => {
      const site = await createSite(kind, { together: true })
      const others = ['/trip-a.jpg/0123456789abcdef0123456789abcdef', '/-/trip-a.jpg/x', '/small/trip/a.jpg']
      for (const key of others) await site.put('media/basic', key, 'an original')
      await createRemoveDerivatives({ ...site, timeouts })(original)
      expect((await site.keys('media/basic')).toSorted()).toEqual(others.toSorted())
    },
  )

  it('is taken away whatever its number', async () => {
    const site = await createSite('memory', { transform: { resultKey: 'hash' } })
    for (let at = 0; at < 2500; at++) await site.put('media/transform', `/trip-a.jpg/${at}`, '')
    await createRemoveDerivatives({ ...site, timeouts })(original)
    expect(await site.keys('media/transform')).toEqual([])
  })

  it('is nothing where nothing can be kept', async () => {
    const { planner } = await createSite('memory', {})
    const http = { ...createNoopStorage(), kind: 'http', delete: refuse }
    delete http.list
    await createRemoveDerivatives({ planner, storage: () => http, timeouts })(original)
  })
})

describe('a storage that fails', () => {
  const unavailable = () => Promise.reject(new MortiseError('storage_unavailable', 'away'))

  it('is asked again', async () => {
    const site = await createSite('memory', { transform: { resultKey: 'hash' } })
    await site.put('media/transform', '/trip-a.jpg/1', '')
    const { list } = site.storage('media/transform')
    let calls = 0
    const failing = {
      ...site.storage('media/transform'),
      list: (...args: Parameters<NonNullable<typeof list>>) => (++calls === 1 ? unavailable() : list!(...args)),
    }
    await createRemoveDerivatives({ ...site, storage: () => failing, timeouts })(original)
    expect(await site.keys('media/transform')).toEqual([])
  })

  it('is told of, so that the change is made again', async () => {
    const { planner } = await createSite('memory', { transform: { resultKey: 'hash' } })
    const failing = { ...createNoopStorage(), list: unavailable }
    const removal = createRemoveDerivatives({ planner, storage: () => failing, timeouts })(original)
    await expect(removal).rejects.toMatchObject({ code: 'storage_unavailable', retryAfter: 1 })
  })

  it.each([
    ['one call', { call: 1, all: 10_000 }],
    ['everything', { call: 10_000, all: 1 }],
  ])('has only so much time for %s', async (_, timeouts) => {
    const { planner } = await createSite('memory', { transform: { resultKey: 'hash' } })
    const silent = {
      ...createNoopStorage(),
      list: (_: string, { signal }: { signal: AbortSignal }) =>
        new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    }
    const removal = createRemoveDerivatives({ planner, storage: () => silent, timeouts })(original)
    await expect(removal).rejects.toMatchObject({ code: 'storage_unavailable' })
  })
})

async function refuse(): Promise<never> {
  throw new MortiseError('unsupported', 'http: read only')
}
