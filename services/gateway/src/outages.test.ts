import type { ErrorCode } from '@mortise/errors'
import { expect, it } from 'vitest'
import { createOutageLog } from './outages.ts'

function create() {
  const lines: object[] = []
  const clock = { ms: 0 }
  const log = createOutageLog({ warn: (facts: object) => void lines.push(facts) } as never, () => clock.ms)
  return { log, lines, clock }
}

it('says the first of its kind at once, then how many there were, every ten seconds', () => {
  const { log, lines, clock } = create()
  for (let i = 0; i < 100; i++) log('storage_unavailable', { bucket: 'a', reason: 'refused' })
  expect(lines).toEqual([{ bucket: 'a', reason: 'refused', code: 'storage_unavailable' }])
  clock.ms += 10_000
  log('storage_unavailable', { bucket: 'a' })
  log('storage_unavailable', { bucket: 'a' })
  expect(lines.slice(1)).toEqual([{ bucket: 'a', code: 'storage_unavailable', moreSince: 99 }])
})

it('keeps buckets and codes apart', () => {
  const { log, lines } = create()
  log('storage_unavailable', { bucket: 'a' })
  log('storage_unavailable', { bucket: 'b' })
  log('queue_unavailable', { bucket: 'a' })
  expect(lines.length).toBe(3)
})

it('says what is for the operator, whatever the code', () => {
  const { log, lines } = create()
  log('invalid_request', { reason: 'script: is not a function' }, true)
  log('invalid_request', { reason: 'script: is not a function' }, true)
  expect(lines).toEqual([{ code: 'invalid_request', reason: 'script: is not a function' }])
})

it.each<[ErrorCode, boolean]>([
  ['storage_unavailable', true],
  ['queue_unavailable', true],
  ['overloaded', true],
  ['timed_out', true],
  ['poisoned', true],
  ['cancelled', false],
  ['archived', false],
  ['no_such_object', false],
  ['invalid_request', false],
  ['unsupported', true],
  ['invalid_config', true],
  ['internal', false],
])('%s is an outage: %s', (code, outage) => {
  const { log, lines } = create()
  log(code, {})
  expect(lines.length > 0).toBe(outage)
})
