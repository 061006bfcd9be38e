import { describe, expect, it, onTestFinished } from 'vitest'
import { createRenewable } from './renewable.ts'

const never = new AbortController().signal

/** Things are numbers, in the order in which they were made; making one ends when the test says so. */
function open() {
  const pending: PromiseWithResolvers<number>[] = []
  const renewable = createRenewable('thing', () => {
    const made = Promise.withResolvers<number>()
    pending.push(made)
    return made.promise
  })
  onTestFinished(() => void renewable.close())
  const untilMaking = async (count: number) => {
    while (pending.length < count) await new Promise(resolve => setTimeout(resolve, 1))
  }
  return { renewable, pending, untilMaking }
}

describe('a renewable thing', () => {
  it('is made once for all who want it, and kept', async () => {
    const { renewable, pending } = open()
    const both = Promise.all([renewable.get(never), renewable.get(never)])
    await Promise.resolve()
    pending[0]!.resolve(1)
    expect(await both).toEqual([1, 1])
    expect(await renewable.get(never)).toBe(1)
    expect(pending).toHaveLength(1)
  })

  it('goes on being made when one of those who want it leaves', async () => {
    const { renewable, pending } = open()
    const [controller, reason] = [new AbortController(), new Error('enough')]
    const left = renewable.get(controller.signal)
    const waits = renewable.get(never)
    controller.abort(reason)
    await expect(left).rejects.toBe(reason)
    pending[0]!.resolve(1)
    expect(await waits).toBe(1)
  })

  it('is made again after a failure, which everybody is told who waited', async () => {
    const { renewable, pending, untilMaking } = open()
    const both = [renewable.get(never), renewable.get(never)]
    await untilMaking(1)
    pending[0]!.reject(new Error('no'))
    for (const one of both) await expect(one).rejects.toThrow('no')
    const next = renewable.get(never)
    await untilMaking(2)
    pending[1]!.resolve(2)
    expect(await next).toBe(2)
  })

  it('fails at once with the reason when it failed again and again', async () => {
    const { renewable, pending } = open()
    for (;;) {
      const waiting = renewable.get(never).catch((error: Error) => error.message)
      const made = await Promise.race([waiting, new Promise(resolve => setTimeout(resolve, 1, null))])
      if (typeof made === 'string' && made.includes('a moment ago')) break
      pending.at(-1)?.reject(new Error('the server is down'))
    }
    await expect(renewable.get(never)).rejects.toMatchObject({
      code: 'storage_unavailable',
      message: 'thing: failed a moment ago: the server is down',
    })
  })

  it('is made again when it has gone bad, whoever noticed it and however often', async () => {
    const { renewable, pending, untilMaking } = open()
    const first = renewable.get(never)
    await untilMaking(1)
    pending[0]!.resolve(1)
    renewable.drop(await first)
    renewable.drop(1)
    const second = renewable.get(never)
    await untilMaking(2)
    pending[1]!.resolve(2)
    expect(await second).toBe(2)
    renewable.drop(1)
    expect(await renewable.get(never)).toBe(2)
    expect(pending).toHaveLength(2)
  })

  it('gives the latest to who closes it, and nothing to anybody else', async () => {
    const { renewable, pending, untilMaking } = open()
    const first = renewable.get(never)
    await untilMaking(1)
    pending[0]!.resolve(1)
    await first
    expect(await renewable.close()).toBe(1)
    await expect(renewable.get(never)).rejects.toMatchObject({ code: 'storage_unavailable' })
  })
})
