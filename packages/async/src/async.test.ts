import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { limitTime, untilAborted, within } from './async.ts'

const never = new AbortController().signal
const pending = new Promise<never>(() => {})
const timers = () => process.getActiveResourcesInfo().filter(name => name === 'Timeout').length
const longMs = 60_000

describe('within', () => {
  it('tells that it was done', async () => {
    expect(await within(Promise.resolve('value'), longMs)).toBe(true)
  })

  it('tells that it was not, after the time', async () => {
    expect(await within(pending, 1)).toBe(false)
  })

  it('rejects as what it waits for does', async () => {
    await expect(within(Promise.reject(new TypeError('broken')), longMs)).rejects.toThrow(TypeError)
  })

  it('leaves no timer behind', async () => {
    const before = timers()
    await within(Promise.resolve(), longMs)
    await within(Promise.reject(new Error('broken')), longMs).catch(() => {})
    expect(timers()).toBe(before)
  })

  it('has listened to what fails when nobody waits any more', async () => {
    const failing = Promise.withResolvers<void>()
    expect(await within(failing.promise, 1)).toBe(false)
    // An unhandled rejection would fail this test file.
    failing.reject(new Error('too late to matter'))
    await new Promise(resolve => setImmediate(resolve))
  })
})

describe('untilAborted', () => {
  it('gives the value', async () => {
    expect(await untilAborted(Promise.resolve('value'), never)).toBe('value')
  })

  it('rejects as what it waits for does', async () => {
    await expect(untilAborted(Promise.reject(new TypeError('broken')), never)).rejects.toThrow(TypeError)
  })

  it('rejects with the reason of the signal', async () => {
    const waiter = new AbortController()
    const waiting = untilAborted(pending, waiter.signal)
    waiter.abort('gone')
    await expect(waiting).rejects.toBe('gone')
  })

  it('rejects for who has left already, even when the value is there', async () => {
    await expect(untilAborted(Promise.resolve('value'), AbortSignal.abort('gone'))).rejects.toBe('gone')
  })

  it('leaves no listener behind', async () => {
    const { signal } = new AbortController()
    await untilAborted(Promise.resolve(), signal)
    await untilAborted(Promise.reject(new Error('broken')), signal).catch(() => {})
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })
})

describe('limitTime', () => {
  const late = () => new RangeError('late')

  it('gives the value, and aborts nothing afterwards', async () => {
    const signals: AbortSignal[] = []
    const before = timers()
    const call = async (signal: AbortSignal) => signals.push(signal)
    expect(await limitTime(longMs, never, call, late)).toBe(1)
    expect(timers()).toBe(before)
    expect(signals[0]?.aborted).toBe(false)
  })

  it('ends the call after the time, with what is said of late ones', async () => {
    await expect(limitTime(1, never, hang, late)).rejects.toThrow(RangeError)
  })

  it('says so however the call ends then', async () => {
    const call = (signal: AbortSignal) => hang(signal).catch(() => Promise.reject(new TypeError('socket closed')))
    await expect(limitTime(1, never, call, late)).rejects.toThrow(RangeError)
  })

  it('ends the call with its caller, and with the reason of that', async () => {
    const caller = new AbortController()
    const ended = limitTime(longMs, caller.signal, hang, late)
    caller.abort('gone')
    await expect(ended).rejects.toBe('gone')
  })

  it('leaves a failure before the time as it is', async () => {
    const call = () => Promise.reject(new TypeError('broken'))
    await expect(limitTime(longMs, never, call, late)).rejects.toThrow(TypeError)
  })
})

/** Ends with its signal and in no other way. */
function hang(signal: AbortSignal): Promise<never> {
  return untilAborted(pending, signal)
}
