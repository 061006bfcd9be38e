import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createJobId } from '../../bullmq/keys.ts'
import { originalId } from '../batch.ts'
import { batch, nothing, plan } from '../conformance.ts'
import { readBatch, readEnd, readWaiting, writeEnd } from './wire.ts'

const id = plan(1, 1).id
const jobId = createJobId('background', originalId(batch(1).original), 'p.0')

describe('the end of a batch', () => {
  it('is read as it was written', () => {
    const failures = [{ plan: id, failure: { code: 'undecodable', message: 'no image', retryAfter: 3 } as const }]
    const end = { ok: true, outcome: { made: 1, skipped: 64, failures, dropped: true } } as const
    expect(readEnd(writeEnd(end))).toEqual(end)
    expect(readEnd(writeEnd({ ok: true, outcome: nothing }))).toEqual({ ok: true, outcome: nothing })
  })

  it('carries the beginning of a long message', () => {
    const end = { ok: false, failure: { code: 'internal', message: 'x'.repeat(10_000) } } as const
    expect(readEnd(writeEnd(end))).toEqual({ ok: false, failure: { code: 'internal', message: 'x'.repeat(500) } })
  })

  it.each([
    ['no JSON', '{'],
    ['nothing', ''],
    ['another type', '[]'],
    ['a negative count', { ok: true, outcome: { ...nothing, made: -1 } }],
    ['more than there can be', { ok: true, outcome: { ...nothing, skipped: 65 } }],
    ['no list of failures', { ok: true, outcome: { made: 0, skipped: 0 } }],
    ['a failure of no plan', { ok: true, outcome: { ...nothing, failures: [{ plan: 'x', failure: failure() }] } }],
    ['a code that there is not', { ok: false, failure: failure('nonsense') }],
    ['dropped in another way', { ok: true, outcome: { ...nothing, dropped: false } }],
  ])('is not read from %s', (_, value) => {
    expect(readEnd(typeof value === 'string' ? value : JSON.stringify(value))).toBeNull()
  })

  it('is read from no text in a way that throws', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), text => void readEnd(text)))
  })
})

describe('the data of a job', () => {
  it('are read as they were written', () => {
    expect(readBatch(jobId, JSON.stringify(batch(1, [1, 2])))).toEqual(batch(1, [1, 2]))
    expect(readWaiting(JSON.stringify(batch(1, [1, 2])))).toEqual(batch(1, [1, 2]))
  })

  it.each([
    ['another original', batch(2)],
    ['no plans', batch(1, [])],
    ['a plan twice', batch(1, [1, 1])],
    ['a plan of another original', { ...batch(1), plans: batch(2).plans }],
    ['a plan with the id of another', { ...batch(1), plans: [{ ...plan(1, 1), id: plan(1, 2).id }] }],
  ])('are refused as internal when they have %s', (_, data) => {
    expect(() => readBatch(jobId, JSON.stringify(data))).toThrow(expect.objectContaining({ code: 'internal' }))
  })

  it('are refused as internal, whatever else they are', () => {
    const refused = (text: string) => {
      expect(() => readBatch(jobId, text)).toThrow(expect.objectContaining({ code: 'internal' }))
      expect(readWaiting(text)).toBeNull()
    }
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), refused))
  })
})

function failure(code = 'internal') {
  return { code, message: 'm' }
}
