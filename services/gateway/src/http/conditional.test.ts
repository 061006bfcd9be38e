import { describe, expect, it } from 'vitest'
import { evaluatePreconditions, rangeIsCurrent } from './conditional.ts'

const lastModified = Date.parse('Tue, 03 Nov 2026 10:00:00 GMT')
const current = { etag: '"abc"', lastModified: lastModified + 789 }
const at = 'Tue, 03 Nov 2026 10:00:00 GMT'
const before = 'Tue, 03 Nov 2026 09:59:59 GMT'
const after = 'Tue, 03 Nov 2026 10:00:01 GMT'

describe('preconditions', () => {
  it.each([
    [{}, null],
    [{ 'if-none-match': '"abc"' }, 304],
    [{ 'if-none-match': 'W/"abc"' }, 304],
    [{ 'if-none-match': 'abc' }, 304],
    [{ 'if-none-match': '"x", "abc"' }, 304],
    [{ 'if-none-match': '*' }, 304],
    [{ 'if-none-match': '"x"' }, null],
    [{ 'if-none-match': '"ab,c"' }, null],
    [{ 'if-none-match': '"x"', 'if-modified-since': after }, null],
    [{ 'if-modified-since': at }, 304],
    [{ 'if-modified-since': after }, 304],
    [{ 'if-modified-since': before }, null],
    [{ 'if-modified-since': 'yesterday' }, null],
    [{ 'if-modified-since': '12' }, null],
    [{ 'if-match': '"abc"' }, null],
    [{ 'if-match': 'W/"abc"' }, 412],
    [{ 'if-match': '"x"' }, 412],
    [{ 'if-match': '*' }, null],
    [{ 'if-match': '"abc"', 'if-none-match': '"abc"' }, 304],
    [{ 'if-unmodified-since': before }, 412],
    [{ 'if-unmodified-since': at }, null],
    [{ 'if-match': '"abc"', 'if-unmodified-since': before }, null],
  ])('%j gives %s', (fields, status) => {
    expect(evaluatePreconditions(fields, current)).toBe(status)
  })
})

describe('preconditions of what has no tag', () => {
  it.each([
    [{ 'if-none-match': '""' }, null],
    [{ 'if-none-match': 'abc' }, null],
    [{ 'if-none-match': '*' }, 304],
    [{ 'if-match': '""' }, 412],
    [{ 'if-match': '*' }, null],
    [{ 'if-modified-since': at }, 304],
  ])('%j gives %s', (fields, status) => {
    expect(evaluatePreconditions(fields, { ...current, etag: '' })).toBe(status)
  })

  it('no range counts for an empty tag', () => {
    expect(rangeIsCurrent({ 'if-range': '""' }, { ...current, etag: '' })).toBe(false)
  })
})

describe('If-Range', () => {
  it.each([
    [undefined, true],
    ['"abc"', true],
    ['W/"abc"', false],
    ['"x"', false],
    [at, true],
    [before, false],
    ['nonsense', false],
  ])('%s: the range counts: %s', (field, counts) => {
    expect(rangeIsCurrent({ 'if-range': field }, current)).toBe(counts)
  })
})
