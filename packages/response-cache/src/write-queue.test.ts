import { expect, it } from 'vitest'
import { createWriteQueue, type Write } from './write-queue.ts'

/** A queue whose writes end when the test says so. */
function start(limits: { maxWaiting?: number; maxBytes?: number; concurrency?: number } = {}) {
  const begun: { write: Write; end(): void }[] = []
  const queue = createWriteQueue({
    ...{ maxWaiting: 3, maxBytes: 100, concurrency: 1, ...limits },
    write(write) {
      const { promise, resolve } = Promise.withResolvers<void>()
      begun.push({ write, end: resolve })
      return promise
    },
  })
  const add = (key: string, bytes = 10) => queue.add({ key, bytes, value: [new Uint8Array(bytes)], until: 0 })
  const keys = () => begun.map(({ write }) => write.key)
  const endNext = async () => {
    begun.at(-1)?.end()
    await new Promise(resolve => setImmediate(resolve))
  }
  return { queue, add, keys, begun, endNext }
}

it('writes in the order of arrival, so many at one time', async () => {
  const { add, keys, endNext } = start()
  for (const key of ['a', 'b', 'c']) expect(add(key)).toBe(true)
  expect(keys()).toEqual(['a'])
  await endNext()
  await endNext()
  expect(keys()).toEqual(['a', 'b', 'c'])
})

it('refuses what is beyond its limits of values and of bytes', async () => {
  const { queue, add, endNext } = start()
  expect(['in hand', 'b', 'c', 'd', 'e'].map(key => add(key))).toEqual([true, true, true, true, false])
  expect(queue.waiting).toBe(3)
  await endNext()
  expect([add('e', 81), add('e', 80)]).toEqual([false, true])
  expect([queue.waiting, queue.waitingBytes]).toEqual([3, 100])
})

it('keeps only the later one of two values for a key', async () => {
  const { queue, add, begun, endNext } = start()
  for (const [key, bytes] of [
    ['in hand', 1],
    ['a', 10],
    ['a', 20],
  ] as const)
    add(key, bytes)
  expect([queue.waiting, queue.waitingBytes]).toEqual([1, 20])
  await endNext()
  expect(begun.at(-1)?.write.bytes).toBe(20)
})

it('does not write what was withdrawn, and marks what is in hand', async () => {
  const { queue, add, keys, begun, endNext } = start()
  for (const key of ['a', 'b']) add(key)
  for (const key of ['a', 'b']) queue.withdraw(key)
  expect(begun[0]?.write.withdrawn).toBe(true)
  await endNext()
  expect([keys(), queue.waitingBytes]).toEqual([['a'], 0])
})

it('drops what waits when it is closed, and waits for what is in hand', async () => {
  const { queue, add, keys, begun } = start()
  for (const key of ['a', 'b']) add(key)
  let closed = false
  const closing = queue.close().then(() => {
    closed = true
  })
  await new Promise(resolve => setImmediate(resolve))
  expect(closed).toBe(false)
  begun[0]?.end()
  await closing
  expect([keys(), queue.waiting, add('c')]).toEqual([['a'], 0, false])
})
