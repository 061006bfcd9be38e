import { describe, expect, it } from 'vitest'
import { createGate, type Gate, type GateOptions, slowAfter } from './gate.ts'
import { hang } from './harness.ts'

const never = new AbortController().signal
const stalled = { code: 'storage_unavailable', message: expect.stringContaining('stalled'), retryAfter: 1 }
const late = { code: 'storage_unavailable', message: expect.stringContaining('no answer in time') }

const create = (options: Partial<GateOptions> = {}) =>
  createGate({ slots: 4, timeout: 60_000, now: () => 0, ...options })

const callSilent = (gate: Gate, storage: string, signal = never) => gate.call(storage, signal, hang)

/** Lets everything happen that needs no event from outside. */
const settled = () => new Promise(resolve => setImmediate(resolve))

describe('the slots of a gate', () => {
  it('let in as many as there are, and the next ones in the order of arrival', async () => {
    const gate = create({ slots: 2 })
    const inside: string[] = []
    const enter = async (name: string) => {
      const slot = await gate.enter('a/basic', never)
      inside.push(name)
      return slot
    }
    const [first, second, third, fourth] = ['first', 'second', 'third', 'fourth'].map(enter)
    await settled()
    expect(inside).toEqual(['first', 'second'])
    ;(await second)?.[Symbol.dispose]()
    await third
    expect(inside).toEqual(['first', 'second', 'third'])
    ;(await first)?.[Symbol.dispose]()
    await fourth
    expect(inside).toEqual(['first', 'second', 'third', 'fourth'])
  })

  it('come back once, however often they are given back', async () => {
    const gate = create({ slots: 1 })
    const slot = await gate.enter('a/basic', never)
    slot[Symbol.dispose]()
    slot[Symbol.dispose]()
    await gate.enter('a/basic', never)
    const second = gate.enter('a/basic', never)
    await expect(Promise.race([second, settled().then(() => 'waits')])).resolves.toBe('waits')
  })

  it('are not taken by who leaves the line, and go to the one behind', async () => {
    const gate = create({ slots: 1 })
    const slot = await gate.enter('a/basic', never)
    const leaver = new AbortController()
    const left = gate.enter('a/basic', leaver.signal)
    const behind = gate.enter('a/basic', never)
    leaver.abort('gone')
    await expect(left).rejects.toBe('gone')
    slot[Symbol.dispose]()
    await expect(behind).resolves.toBeDefined()
  })

  it('are not given to who has left before', async () => {
    const gate = create({ slots: 1 })
    await expect(gate.enter('a/basic', AbortSignal.abort('gone'))).rejects.toBe('gone')
    await expect(gate.enter('a/basic', never)).resolves.toBeDefined()
  })
})

describe('a slow storage at a gate', () => {
  it('is refused when it holds half of the slots and has not answered for long; others are let in', async () => {
    let time = 0
    const gate = create({ now: () => time })
    for (const _ of [1, 2]) {
      await gate.enter('slow/basic', never)
      callSilent(gate, 'slow/basic').catch(() => {})
    }
    time = slowAfter - 1
    await expect(gate.enter('slow/basic', never)).resolves.toBeDefined()
    time = slowAfter
    await expect(gate.enter('slow/basic', never)).rejects.toMatchObject(stalled)
    await expect(gate.enter('other/basic', never)).resolves.toBeDefined()
  })

  it('is refused as well when it stood in line, and gives its turn to the next', async () => {
    let time = 0
    const gate = create({ slots: 2, now: () => time })
    await gate.enter('slow/basic', never)
    callSilent(gate, 'slow/basic').catch(() => {})
    const slot = await gate.enter('slow/basic', never)
    const inLine = gate.enter('slow/basic', never)
    const other = gate.enter('other/basic', never)
    time = slowAfter
    slot[Symbol.dispose]()
    await expect(inLine).rejects.toMatchObject(stalled)
    await expect(other).resolves.toBeDefined()
  })

  it('is let in again when it has answered', async () => {
    let time = 0
    const gate = create({ slots: 2, now: () => time })
    const answer = Promise.withResolvers<string>()
    const call = gate.call('slow/basic', never, () => answer.promise)
    time = slowAfter
    await expect(gate.enter('slow/basic', never)).rejects.toMatchObject(stalled)
    answer.resolve('bytes')
    await expect(call).resolves.toBe('bytes')
    await expect(gate.enter('slow/basic', never)).resolves.toBeDefined()
  })

  it('may take the whole time limit with half of the slots, and no longer than slow with the others', async () => {
    const gate = create()
    const patient = [1, 2].map(() => callSilent(gate, 'slow/basic'))
    const hasty = [3, 4].map(() => callSilent(gate, 'slow/basic'))
    const ended = await Promise.allSettled(hasty)
    expect(ended).toMatchObject([
      { status: 'rejected', reason: late },
      { status: 'rejected', reason: late },
    ])
    await expect(Promise.race([...patient, settled().then(() => 'wait')])).resolves.toBe('wait')
  })

  it('is told that it took too long', async () => {
    await expect(callSilent(create({ timeout: 5 }), 'slow/basic')).rejects.toMatchObject(late)
  })
})

describe('a call', () => {
  it('ends with the reason of its signal when the signal is aborted', async () => {
    const caller = new AbortController()
    const call = callSilent(create(), 'a/basic', caller.signal)
    caller.abort('gone')
    await expect(call).rejects.toBe('gone')
  })

  it('keeps its own error', async () => {
    const broken = create().call('a/basic', never, () => Promise.reject(new TypeError('broken')))
    await expect(broken).rejects.toThrow(TypeError)
  })

  it('of one storage says nothing about another', async () => {
    let time = 0
    const gate = create({ slots: 2, now: () => time })
    gate.call('slow/basic', never, hang).catch(() => {})
    time = slowAfter
    await expect(gate.call('other/basic', never, async () => 'bytes')).resolves.toBe('bytes')
  })
})
