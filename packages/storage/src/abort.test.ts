import { expect, it, onTestFinished, vi } from 'vitest'
import { orAbort } from './abort.ts'

it('gives work that was aborted a second to tidy up, and waits no longer', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const controller = new AbortController()
  const reason = new Error('nobody waits')
  let ended = false
  const hanging = orAbort(controller.signal, () => new Promise<never>(() => {})).finally(() => {
    ended = true
  })
  const caught = hanging.catch(error => error)
  controller.abort(reason)
  await vi.advanceTimersByTimeAsync(999)
  expect(ended).toBe(false)
  await vi.advanceTimersByTimeAsync(1)
  expect(await caught).toBe(reason)
  expect(vi.getTimerCount()).toBe(0)
})
