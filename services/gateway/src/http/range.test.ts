import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { layOutParts, selectRanges, singleRange } from './range.ts'

describe('ranges of 100 bytes', () => {
  it.each([
    ['bytes=0-9', [{ start: 0, end: 9 }]],
    ['bytes=90-', [{ start: 90, end: 99 }]],
    ['bytes=-10', [{ start: 90, end: 99 }]],
    ['bytes=-1000', [{ start: 0, end: 99 }]],
    ['bytes=50-1000', [{ start: 50, end: 99 }]],
    [
      'bytes=0-9,20-29',
      [
        { start: 0, end: 9 },
        { start: 20, end: 29 },
      ],
    ],
    ['bytes=0-9,5-29', [{ start: 0, end: 29 }]],
    ['bytes=100-', 'unsatisfiable'],
    ['bytes=9-0', 'unsatisfiable'],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=x-y', 'unsatisfiable'],
    ['items=0-9', 'unsatisfiable'],
    ['nonsense', 'unsatisfiable'],
  ])('%s', (field, spans) => {
    expect(selectRanges(field, 100)).toEqual(spans)
  })

  it('become the whole when there are very many', () => {
    const many = Array.from({ length: 17 }, (_, i) => `${i * 4}-${i * 4 + 1}`).join(',')
    expect(selectRanges(`bytes=${many}`, 100)).toBeNull()
  })

  it('never leave the body', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat({ max: 1000 }), (text, size) => {
        const spans = selectRanges(`bytes=${text}`, size)
        if (!Array.isArray(spans)) return
        for (const { start, end } of spans) expect(start >= 0 && start <= end && end < size).toBe(true)
      }),
    )
  })
})

describe('one range before the size is known', () => {
  it.each([
    ['bytes=0-9', { start: 0, end: 9 }],
    ['bytes=5-', { start: 5 }],
    ['bytes=-5', { suffix: 5 }],
    ['bytes=9-0', null],
    ['bytes=0-1,3-4', null],
    ['items=0-9', null],
    ['', null],
  ])('%s', (field, range) => {
    expect(singleRange(field)).toEqual(range)
  })
})

it('says the length of a body of several parts exactly', () => {
  const { parts, tail, length } = layOutParts(
    [
      { start: 0, end: 1 },
      { start: 5, end: 9 },
    ],
    { size: 10, contentType: 'text/plain', boundary: 'b' },
  )
  const body = parts.map(({ head, span }) => `${head}${'x'.repeat(span.end - span.start + 1)}`).join('') + tail
  expect(body.length).toBe(length)
  expect(body).toBe(
    '--b\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/10\r\n\r\nxx\r\n--b\r\nContent-Type: text/plain\r\nContent-Range: bytes 5-9/10\r\n\r\nxxxxx\r\n--b--\r\n',
  )
})
