import { describe, expect, it } from 'vitest'
import { createLater } from './later.ts'

type Result = { value: string; final?: boolean }

function open(max = 2) {
  const clock = { ms: 0 }
  const later = createLater<Result>({ max, isFinal: ({ final = false }) => final, now: () => clock.ms })
  const begun: string[] = []
  const ends: ((result: Result) => void)[] = []
  const make = (id: string, { waitMs = 0, signal = new AbortController().signal } = {}) =>
    later.make(
      id,
      () => {
        begun.push(id)
        const { promise, resolve } = Promise.withResolvers<Result>()
        ends.push(resolve)
        return promise
      },
      { waitMs, signal },
    )
  return { later, make, begun, ends, clock }
}

describe('what is made for later', () => {
  it('is made once, however often somebody asks', async () => {
    const { make, begun, ends } = open()
    expect([await make('a'), await make('a'), await make('a')]).toEqual(['later', 'later', 'later'])
    expect(begun).toEqual(['a'])
    ends[0]?.({ value: 'done' })
    const waiting = make('a', { waitMs: 60_000 })
    await expect(waiting).resolves.toEqual({ value: 'done' })
  })

  it('is given to all who wait long enough', async () => {
    const { make, ends } = open()
    const waiting = [make('a', { waitMs: 60_000 }), make('a', { waitMs: 60_000 })]
    ends[0]?.({ value: 'done' })
    expect(await Promise.all(waiting)).toEqual([{ value: 'done' }, { value: 'done' }])
  })

  it('is given at once when it is refused at once', async () => {
    const later = createLater<Result>({ max: 1, isFinal: () => false, now: () => 0 })
    const signal = new AbortController().signal
    expect(await later.make('a', async () => ({ value: 'no' }), { waitMs: 0, signal })).toEqual({ value: 'no' })
  })

  it('goes on when who waits leaves', async () => {
    const { make, ends, begun } = open()
    const leaving = new AbortController()
    const waiting = make('a', { waitMs: 60_000, signal: leaving.signal })
    leaving.abort('gone')
    await expect(waiting).rejects.toBe('gone')
    const again = make('a', { waitMs: 60_000 })
    ends[0]?.({ value: 'done' })
    expect([await again, begun]).toEqual([{ value: 'done' }, ['a']])
  })

  it('is begun once more by who asks when it has ended', async () => {
    const { make, ends, begun } = open()
    const waiting = make('a', { waitMs: 60_000 })
    ends[0]?.({ value: 'done' })
    await waiting
    expect([await make('a'), begun]).toEqual(['later', ['a', 'a']])
  })

  it('is not begun once more when the end was final', async () => {
    const { make, ends, begun } = open()
    const waiting = make('a', { waitMs: 60_000 })
    ends[0]?.({ value: 'broken', final: true })
    await waiting
    expect([await make('a'), begun]).toEqual([{ value: 'broken', final: true }, ['a']])
  })

  it('is refused when too much is being made, and not when that has ended', async () => {
    const { make, ends } = open(1)
    await make('a')
    await expect(make('b')).rejects.toMatchObject({ code: 'overloaded', retryAfter: 1 })
    expect(await make('a')).toBe('later')
    const waiting = make('a', { waitMs: 60_000 })
    ends[0]?.({ value: 'done' })
    await waiting
    expect(await make('b')).toBe('later')
  })
})

describe('the time after which it is worth to ask again', () => {
  it('is what it usually takes, less what has passed', async () => {
    const { later, make, ends, clock } = open()
    for (let i = 0; i < 100; i++) {
      const waiting = make('a', { waitMs: 60_000 })
      clock.ms += 8_000
      ends[i]?.({ value: 'done' })
      await waiting
    }
    await make('b')
    expect(later.secondsUntil('b')).toBe(8)
    clock.ms += 5_000
    expect(later.secondsUntil('b')).toBe(3)
  })

  it('is longer when nothing ends any more, and a minute at most', async () => {
    const { later, make, clock } = open()
    await make('a')
    clock.ms = 30_000
    await make('b')
    expect([later.secondsUntil('a'), later.secondsUntil('b')]).toEqual([1, 30])
    clock.ms = 300_000
    await expect(make('c')).rejects.toMatchObject({ retryAfter: 60 })
  })
})
