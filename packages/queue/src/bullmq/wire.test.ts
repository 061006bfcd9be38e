import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { plan } from '../conformance.ts'
import { createJobId } from './keys.ts'
import { parseOutcome, readJob, readOutcome } from './wire.ts'

const derived = {
  size: 10,
  contentType: 'image/avif',
  etag: '0123456789abcdef0123456789abcdef',
  original: 'v1',
  lastModified: 1_700_000_000_000,
  width: 3,
  height: 2,
}
const outcome = { ok: true, inline: false, derived }

describe('an outcome from Redis', () => {
  it('is read as it was written', () => {
    expect(parseOutcome(JSON.stringify(outcome))).toEqual(outcome)
  })

  it.each([
    ['a content type that is no image', { contentType: 'text/html' }],
    ['an image that is never made', { contentType: 'image/svg+xml' }],
    ['a header in the content type', { contentType: 'image/png\r\nset-cookie: a=b' }],
    ['a header in the ETag', { etag: '0123456789abcdef\r\n\r\n<script>x' }],
    ['an ETag of another form', { etag: 'W/"x"' }],
    ['an ETag that goes on', { etag: `${derived.etag}\n` }],
    ['no bytes', { size: 0 }],
    ['fewer bytes than none', { size: -1 }],
    ['half a byte', { size: 1.5 }],
    ['more bytes than a number can count', { size: 2 ** 53 }],
    ['a width as text', { width: '3' }],
    ['no height', { height: undefined }],
    ['a date after the last one', { lastModified: 8.64e15 + 1 }],
    ['a date before the first one', { lastModified: -1 }],
  ])('is none with %s', (_, change) => {
    expect(readOutcome({ ...outcome, derived: { ...derived, ...change } })).toBeNull()
  })

  it('keeps no more of a failure than a log can bear, and no time to wait that is none', () => {
    const text = `{"ok":false,"failure":{"code":"overloaded","message":"${'x'.repeat(5_000)}","retryAfter":1e999}}`
    expect(parseOutcome(text)).toEqual({ ok: false, failure: { code: 'overloaded', message: 'x'.repeat(2_000) } })
  })

  it('keeps which archive an original is in', () => {
    const outcome = { ok: false, failure: { code: 'archived', message: 'cold', storageClass: 'GLACIER' } }
    expect(parseOutcome(JSON.stringify(outcome))).toEqual(outcome)
  })

  it('is none for a failure with a code that nobody knows', () => {
    expect(readOutcome({ ok: false, failure: { code: '__proto__', message: 'x' } })).toBeNull()
  })

  it('is none for any other JSON', () => {
    fc.assert(
      fc.property(fc.json(), text => {
        expect(parseOutcome(text)).toBeNull()
      }),
    )
  })
})

describe('a job from Redis', () => {
  const job = { plan: plan(1), lane: 'interactive', deadline: 1 } as const
  const jobId = createJobId('interactive', plan(1).id, 'a.1.0')

  it('is read as it was written', () => {
    expect(readJob(jobId, JSON.parse(JSON.stringify(job)))).toEqual(job)
  })

  it.each([
    ['under the id of another plan', createJobId('interactive', plan(2).id, 'a.1.0'), job],
    ['under an id that names none', '1', job],
    ['whose id goes on', `${jobId}\n`, job],
    ['with another lane', jobId, { ...job, lane: 'urgent' }],
    ['with a plan that is none', jobId, { ...job, plan: { id: plan(1).id } }],
    ['with another plan under its id', jobId, { ...job, plan: { ...plan(2), id: plan(1).id } }],
    ['that is nothing', jobId, null],
  ])('is refused %s', (_, id, data) => {
    expect(() => readJob(id, data)).toThrow(expect.objectContaining({ code: 'internal' }))
  })
})
