import { MortiseError } from '@mortise/errors'
import type { Plan } from '@mortise/plan'
import type { Storage } from '@mortise/storage'
import { createMemoryStorage } from '@mortise/storage/memory'
import { describe, expect, it } from 'vitest'
import { type BenchOptions, createBench } from './harness.ts'

const original = { storage: 'photos/basic', bucket: 'photos', key: '/cat.jpg' }
const derivative = { storage: 'photos/transform', bucket: 'photos', key: '/small/cat.jpg' }
const output: Plan['output'] = { format: 'original', quality: null, progressive: false, metadata: 'strip' }
const plan: Plan = { id: 'a'.repeat(32), original, passes: [[{ op: 'grayscale' }]], output, derivative }
const alone = { signal: new AbortController().signal, onRendered() {} }

const traceOf = (_: Plan, version: string) => `/.mortise/made/x/${version}`
const start = (options: BenchOptions, create = () => createMemoryStorage({ maxBytes: 100_000 })) =>
  createBench(create, options)
const readTrace = async ({ storages }: Awaited<ReturnType<typeof start>>) => {
  const info = await storages.get(original.storage).head(original, alone.signal)
  return storages.read({ ...derivative, key: traceOf(plan, info?.etag ?? '') })
}

describe('the making of a derivative', () => {
  it('leaves its key where who changes the original finds it', async () => {
    const bench = await start({ traceOf })
    await bench.derive(plan, alone)
    expect(await readTrace(bench)).toBe('/small/cat.jpg')
  })

  it('leaves nothing where it is found without a trace', async () => {
    const { derive, storages } = await start({ traceOf: () => null })
    await derive(plan, alone)
    expect(storages.puts).toHaveLength(1)
  })

  it('leaves its trace behind it, not before', async () => {
    const { derive, storages } = await start({ traceOf })
    await derive(plan, alone)
    expect(storages.puts.map(({ contentType }) => contentType)).toEqual(['image/jpeg', 'text/plain'])
  })

  it('fails without its trace, and leaves it when it is tried again', async () => {
    let failures = 1
    const failing = (): Storage => {
      const storage = createMemoryStorage({ maxBytes: 100_000 })
      const put: Storage['put'] = async (ref, ...rest) => {
        if (ref.key.startsWith('/.mortise/') && failures-- > 0) throw new MortiseError('storage_unavailable', 'away')
        return storage.put(ref, ...rest)
      }
      return { ...storage, put }
    }
    const bench = await start({ traceOf }, failing)
    await expect(bench.derive(plan, alone)).rejects.toMatchObject({ code: 'storage_unavailable' })
    expect(await bench.derive(plan, alone)).toMatchObject({ bytes: null, stored: true })
    expect(bench.images.renders).toBe(1)
    expect(await readTrace(bench)).toBe('/small/cat.jpg')
  })
})
