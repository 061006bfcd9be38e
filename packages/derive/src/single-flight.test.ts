import { describe, expect, it } from 'vitest'
import { createSingleFlight } from './single-flight.ts'

/** Loads that end when the test says so. */
function setUp() {
  const loads: { key: string; signal: AbortSignal; end: PromiseWithResolvers<string> }[] = []
  const get = createSingleFlight((key, signal) => {
    const end = Promise.withResolvers<string>()
    signal.addEventListener('abort', () => end.reject(signal.reason), { once: true })
    loads.push({ key, signal, end })
    return end.promise
  })
  return { get, loads }
}

const never = new AbortController().signal

describe('a single flight', () => {
  it('is one load for all who want the same', async () => {
    const { get, loads } = setUp()
    const all = Promise.all([get('a', never), get('a', never), get('b', never)])
    for (const { key, end } of loads) end.resolve(`loaded ${key}`)
    expect(await all).toEqual(['loaded a', 'loaded a', 'loaded b'])
    expect(loads.map(({ key }) => key)).toEqual(['a', 'b'])
  })

  it('fails for all, and not for who comes after', async () => {
    const { get, loads } = setUp()
    const all = Promise.allSettled([get('a', never), get('a', never)])
    loads[0]?.end.reject('broken')
    expect((await all).map(one => one.status)).toEqual(['rejected', 'rejected'])
    const after = get('a', never)
    loads[1]?.end.resolve('whole')
    expect(await after).toBe('whole')
  })

  it('goes on when one of two leaves', async () => {
    const { get, loads } = setUp()
    const waiter = new AbortController()
    const [left, stayed] = [get('a', waiter.signal), get('a', never)]
    waiter.abort('gone')
    await expect(left).rejects.toBe('gone')
    loads[0]?.end.resolve('loaded')
    expect(await stayed).toBe('loaded')
  })

  it('ends when the last one leaves, and whoever comes then starts anew', async () => {
    const { get, loads } = setUp()
    const waiter = new AbortController()
    const both = Promise.allSettled([get('a', waiter.signal), get('a', waiter.signal)])
    waiter.abort('gone')
    await both
    expect(loads.map(({ signal }) => signal.aborted)).toEqual([true])
    const after = get('a', never)
    loads[1]?.end.resolve('loaded')
    expect(await after).toBe('loaded')
  })

  it('does not begin for who has left already', async () => {
    const { get, loads } = setUp()
    await expect(get('a', AbortSignal.abort('gone'))).rejects.toBe('gone')
    expect(loads).toEqual([])
  })
})
