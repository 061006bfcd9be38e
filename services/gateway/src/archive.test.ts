import { MortiseError } from '@mortise/errors'
import type { RestoreOptions, Storage } from '@mortise/storage'
import { createMemoryStorage } from '@mortise/storage/memory'
import { createMetrics } from '@mortise/telemetry'
import { expect, it, onTestFinished } from 'vitest'
import { type Archive, createArchive } from './archive.ts'

const glacier = { enabled: true, restoreTier: 'Bulk', restoreDays: 3, retryAfterSeconds: 600 } as const
const cat = { storage: 'media/basic', bucket: 'media', key: '/cat.jpg' }
const cold = new MortiseError('archived', 'S3 said no', { storageClass: 'GLACIER' })

/** A storage whose restores end as the test says. */
function start(restore: (options: RestoreOptions) => Promise<void>, settings: object = glacier) {
  const calls: { key: string; days: number | null; tier: string }[] = []
  const storage: Storage = {
    ...createMemoryStorage({ maxBytes: 1 }),
    async restore({ key }, options) {
      calls.push({ key, days: options.days, tier: options.tier })
      await restore(options)
    },
  }
  const warnings: object[] = []
  const clock = { ms: 1000 }
  const metrics = createMetrics({ mort: true })
  const archive = createArchive({
    buckets: { media: { glacier: settings } } as never,
    storage: () => storage,
    log: { info() {}, warn: (facts: object) => void warnings.push(facts) } as never,
    metrics,
    now: () => clock.ms,
  })
  onTestFinished(() => archive[Symbol.asyncDispose]())
  const count = async (name: 'archived' | 'restores') => (await metrics[name].get()).values[0]?.value
  return { archive, calls, warnings, clock, count }
}

const ask = (archive: Archive, key = cat.key, error: unknown = cold) => archive.told({ ...cat, key }, error)
const settled = () => new Promise(setImmediate)
const endless = ({ signal }: RestoreOptions) =>
  new Promise<void>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))

it('a restore is begun once for an object, until it should be back', async () => {
  const { archive, calls, clock, count } = start(async () => {})
  for (let i = 0; i < 10; i++) {
    expect(ask(archive)).toMatchObject({ code: 'archived', retryAfter: 600, storageClass: 'GLACIER' })
    if (i === 5) await settled()
  }
  clock.ms += 600_000
  ask(archive)
  expect(calls).toEqual([{ key: '/cat.jpg', days: 3, tier: 'Bulk' }])
  clock.ms += 1
  ask(archive)
  await settled()
  expect([calls.length, await count('restores'), await count('archived')]).toEqual([2, 2, 12])
})

it('objects of equal keys in two storages are two', async () => {
  const { archive, calls } = start(async () => {})
  archive.told(cat, cold)
  archive.told({ ...cat, storage: 'media/transform' }, cold)
  archive.told({ ...cat, bucket: 'other' }, cold)
  expect(calls).toHaveLength(3)
})

it('a restore that failed is begun again after half a minute, and said', async () => {
  const { archive, calls, warnings, clock, count } = start(async () => {
    throw new MortiseError('storage_unavailable', 'no')
  })
  for (const ms of [0, 30_000, 1]) {
    clock.ms += ms
    ask(archive)
    await settled()
  }
  expect([calls.length, warnings.length, await count('restores')]).toEqual([2, 2, 0])
})

it('no more restores than sixteen are begun at one time, and the others later', async () => {
  const ends: (() => void)[] = []
  const { archive, calls } = start(() => new Promise(resolve => ends.push(resolve)))
  for (let i = 0; i < 20; i++) ask(archive, `/${i}.jpg`)
  expect(calls).toHaveLength(16)
  for (const end of ends) end()
  await settled()
  for (let i = 0; i < 20; i++) ask(archive, `/${i}.jpg`)
  expect(calls).toHaveLength(20)
  for (const end of ends) end()
})

it('a class that moves objects back for good is asked for no days', () => {
  const { archive, calls } = start(async () => {})
  ask(archive, cat.key, new MortiseError('archived', 'no', { storageClass: 'INTELLIGENT_TIERING' }))
  expect(calls).toMatchObject([{ days: null }])
})

it('nothing is begun for another error, or a bucket that does not want it', async () => {
  const [wanted, off, without] = [
    start(async () => {}),
    start(async () => {}, { ...glacier, enabled: false }),
    start(async () => {}, null as never),
  ]
  const away = new MortiseError('storage_unavailable', 'no')
  expect(ask(wanted.archive, cat.key, away)).toBe(away)
  expect(wanted.archive.told({ ...cat, storage: 'constructor/basic' }, cold)).toBe(cold)
  for (const { archive, count } of [off, without]) {
    expect(ask(archive)).toBe(cold)
    expect(await count('archived')).toBe(1)
  }
  expect([...wanted.calls, ...off.calls, ...without.calls]).toEqual([])
})

it('what is being begun ends with its owner, without a word', async () => {
  const { archive, calls, warnings } = start(endless)
  ask(archive)
  await archive[Symbol.asyncDispose]()
  ask(archive, '/other.jpg')
  expect([calls.length, warnings]).toEqual([1, []])
})
