import { MortiseError } from '@mortise/errors'
import type { Plan } from '@mortise/plan'
import type { Storage } from '@mortise/storage'
import { createMemoryStorage } from '@mortise/storage/memory'
import { createNoopStorage } from '@mortise/storage/noop'
import { describe, expect, it } from 'vitest'
import type { Overlays } from './derive.ts'
import { type BenchOptions, createBench } from './harness.ts'

const original = { storage: 'photos/basic', bucket: 'photos', key: '/cat.jpg' }
const derivative = { storage: 'photos/transform', bucket: 'photos', key: '' }
const output: Plan['output'] = { format: 'original', quality: null, progressive: false, metadata: 'strip' }
const plans = ['a', 'b', 'c'].map(
  (name): Plan => ({
    id: name.repeat(32),
    original,
    passes: [[{ op: 'grayscale' }]],
    output,
    derivative: { ...derivative, key: `/cat.jpg/${name}` },
  }),
)
const [first, second] = plans as [Plan, Plan, Plan]
const wanted = { original, plans }
const patient = { signal: new AbortController().signal }

type Bench = Awaited<ReturnType<typeof start>>
const start = (options?: BenchOptions, create = () => createMemoryStorage({ maxBytes: 100_000 })) =>
  createBench(create, options)
const readAll = ({ storages }: Bench) => Promise.all(plans.map(plan => storages.read(plan.derivative)))
const all = Array(3).fill('rendered from a picture')
const nothing = [null, null, null]

/** Calls `before` ahead of the n-th object that is put. */
function withPuts(before: (n: number, storage: Storage) => Promise<void> | void) {
  let puts = 0
  return (): Storage => {
    const storage = createMemoryStorage({ maxBytes: 100_000 })
    const put: Storage['put'] = async (ref, ...rest) => {
      if (ref.key.startsWith('/cat.jpg/')) await before(++puts, storage)
      return storage.put(ref, ...rest)
    }
    return { ...storage, put }
  }
}

describe('the making of all derivatives of one original', () => {
  it('stores them', async () => {
    const bench = await start()
    expect(await bench.deriveAll(wanted, patient)).toEqual({ made: 3, skipped: 0, failures: [] })
    expect(await readAll(bench)).toEqual(all)
  })

  it('stores what the making of one finds', async () => {
    const { derive, deriveAll } = await start()
    await deriveAll(wanted, patient)
    expect(await derive(second, { ...patient, onRendered() {} })).toMatchObject({ bytes: null, stored: true })
  })

  it('reads the original once', async () => {
    let reads = 0
    const counting = () => {
      const storage = createMemoryStorage({ maxBytes: 100_000 })
      const get: Storage['get'] = (ref, options) => {
        if (ref.key === original.key) reads++
        return storage.get(ref, options)
      }
      return { ...storage, get }
    }
    const { deriveAll } = await start({}, counting)
    await deriveAll(wanted, patient)
    expect(reads).toBe(1)
  })

  it('makes only what is missing, torn, or of another original', async () => {
    const { deriveAll, images, storages } = await start()
    await deriveAll({ original, plans: [first, second] }, patient)
    await storages.tear(second.derivative, 'rend')
    expect(await deriveAll(wanted, patient)).toEqual({ made: 2, skipped: 1, failures: [] })
    expect(await deriveAll(wanted, patient)).toEqual({ made: 0, skipped: 3, failures: [] })
    expect(images.renders).toBe(4)
    await storages.write(original, 'another picture', 'image/jpeg')
    expect(await deriveAll(wanted, patient)).toEqual({ made: 3, skipped: 0, failures: [] })
  })

  it('leaves a trace of each', async () => {
    const { deriveAll, storages } = await start({ traceOf: plan => `/.mortise/made/${plan.id}` })
    await deriveAll({ original, plans: [first, second] }, patient)
    for (const { id, derivative } of [first, second]) {
      expect(await storages.read({ ...derivative, key: `/.mortise/made/${id}` })).toBe(derivative.key)
    }
  })

  it.each([
    [
      'is to be stored among originals',
      { derivative: { ...first.derivative, storage: 'photos/basic' } },
      'invalid_request',
    ],
    ['would take the place of its original', { derivative: { ...derivative, key: original.key } }, 'invalid_config'],
  ])('refuses one that %s, and makes the others', async (_name, part, code) => {
    const { deriveAll } = await start()
    const made = await deriveAll({ original, plans: [{ ...first, ...part }, second] }, patient)
    expect(made).toMatchObject({ made: 1, failures: [{ plan: first.id, failure: { code } }] })
  })

  it('refuses all where nothing is kept', async () => {
    const places = [createMemoryStorage({ maxBytes: 100_000 })]
    const { deriveAll, images } = await start({}, () => places.shift() ?? createNoopStorage())
    expect((await deriveAll(wanted, patient)).failures).toHaveLength(3)
    expect(images.renders).toBe(0)
  })

  it.each([
    ['has more bytes than allowed', '/large.jpg', 'too_large'],
    ['is no image', '/notes.txt', 'no_such_object'],
  ])('makes nothing, and says why, when the original %s', async (_name, key, code) => {
    const { deriveAll, images } = await start()
    const { failures, ...counts } = await deriveAll({ original: { ...original, key }, plans }, patient)
    expect(failures.map(({ plan, failure }) => [plan, failure.code])).toEqual(plans.map(({ id }) => [id, code]))
    expect([counts, images.renders]).toEqual([{ made: 0, skipped: 0 }, 0])
  })

  it('has nothing to do when there is no original', async () => {
    const { deriveAll } = await start()
    const made = await deriveAll({ original: { ...original, key: '/absent.jpg' }, plans }, patient)
    expect(made).toEqual({ made: 0, skipped: 0, failures: [], dropped: true })
  })

  it('tells of each that cannot be rendered', async () => {
    const { deriveAll, images } = await start()
    images.failWith = new MortiseError('undecodable', 'no picture')
    const { failures, made } = await deriveAll(wanted, patient)
    expect(failures.map(({ plan, failure }) => [plan, failure.code])).toEqual(
      plans.map(({ id }) => [id, 'undecodable']),
    )
    expect(made).toBe(0)
  })

  it('makes the others when a watermark cannot be had', async () => {
    const mark = { op: 'watermark', image: 'https://example.com/mark.png', column: 0, row: 0, opacity: 1 } as const
    const collect: Overlays['collect'] = async passes => {
      if (passes.flat().some(({ op }) => op === 'watermark'))
        throw new MortiseError('invalid_request', 'watermark: 404')
      return new Map()
    }
    const { deriveAll } = await start({ overlays: { collect, async [Symbol.asyncDispose]() {} } })
    const made = await deriveAll({ original, plans: [{ ...first, passes: [[mark]] }, second] }, patient)
    expect(made).toMatchObject({ made: 1, failures: [{ plan: first.id, failure: { code: 'invalid_request' } }] })
  })

  it('throws when the storage is away, for another try, which makes the rest', async () => {
    const away = withPuts(n => {
      if (n === 2) throw new MortiseError('storage_unavailable', 'away')
    })
    const bench = await start({}, away)
    await expect(bench.deriveAll(wanted, patient)).rejects.toMatchObject({ code: 'storage_unavailable' })
    expect(await bench.deriveAll(wanted, patient)).toEqual({ made: 2, skipped: 1, failures: [] })
    expect(await readAll(bench)).toEqual(all)
  })

  it('ends when it is not wanted any more, and makes room', async () => {
    const { deriveAll } = await start({ silent: { 'slow/basic': ['get'] }, originals: 1 })
    const leaving = new AbortController()
    const slow = { original: { ...original, storage: 'slow/basic' }, plans }
    const made = deriveAll(slow, leaving)
    leaving.abort(new Error('draining'))
    await expect(made).rejects.toThrow('draining')
    expect(await deriveAll(wanted, patient)).toMatchObject({ made: 3 })
  })

  it('has never more originals in memory than allowed', async () => {
    const { deriveAll, images } = await start({ originals: 2 })
    const batches = Array.from({ length: 8 }, (_, i) => {
      const at = (plan: Plan) => ({ ...plan, derivative: { ...derivative, key: `/cat.jpg/${plan.id}${i}` } })
      return deriveAll({ original, plans: plans.map(at) }, patient)
    })
    await Promise.all(batches)
    expect(images).toMatchObject({ renders: 24, mostRunning: 2 })
  })
})

describe('when the original is replaced meanwhile, the making of all', () => {
  const dropped = { made: 0, dropped: true }

  it('ends, and takes back what it has stored of the one before', async () => {
    const change: (() => Promise<void>)[] = []
    const bench = await start(
      {},
      withPuts(n => (n === 2 ? change[0]?.() : undefined)),
    )
    change.push(() => bench.changes.announce(original.key))
    expect(await bench.deriveAll(wanted, patient)).toMatchObject(dropped)
    expect(await readAll(bench)).toEqual(nothing)
    expect(bench.images.renders).toBe(3)
  })

  it('sees it also when nobody says so', async () => {
    const change: (() => Promise<unknown>)[] = []
    const bench = await start(
      {},
      withPuts(async n => void (n === 3 && (await change[0]?.()))),
    )
    change.push(() => bench.storages.write(original, 'another picture', 'image/jpeg'))
    expect(await bench.deriveAll(wanted, patient)).toMatchObject(dropped)
    expect(await readAll(bench)).toEqual(nothing)
  })

  it('leaves nothing of the one before when it fails besides', async () => {
    const change: (() => Promise<void>)[] = []
    const failing = withPuts(async n => {
      if (n !== 2) return
      await change[0]?.()
      throw new MortiseError('storage_unavailable', 'away')
    })
    const bench = await start({}, failing)
    change.push(() => bench.changes.announce(original.key))
    await expect(bench.deriveAll(wanted, patient)).rejects.toMatchObject({ code: 'storage_unavailable' })
    expect(await readAll(bench)).toEqual(nothing)
  })

  it('makes those of the new one when that is what it reads, having waited for its turn', async () => {
    const bench = await start({ originals: 1, silent: { 'slow/basic': ['get'] } })
    const leaving = new AbortController()
    const slow = bench.deriveAll({ original: { ...original, storage: 'slow/basic' }, plans }, leaving)
    const waiting = bench.deriveAll(wanted, patient)
    await bench.changes.announce(original.key)
    leaving.abort(new Error('gone'))
    await expect(slow).rejects.toThrow('gone')
    expect(await waiting).toEqual({ made: 3, skipped: 0, failures: [] })
  })
})
