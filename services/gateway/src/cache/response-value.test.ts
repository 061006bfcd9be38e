import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { printResponse, readResponse } from './response-value.ts'

const fields = { 'content-type': 'image/jpeg', etag: '"abc"', 'cache-control': 'max-age=60' }
const entityOf = (bytes: Uint8Array, changes: object = {}) => ({
  ...{ fields, etag: '"abc"', lastModified: 1_700_000_000_000, size: bytes.byteLength },
  body: { kind: 'bytes', bytes } as const,
  ...changes,
})
const printed = (bytes: Uint8Array, changes?: object) => Buffer.concat(printResponse(entityOf(bytes, changes), 5))

/** A value with any head. */
function forged(head: unknown, body = 'body'): Buffer {
  const text = Buffer.from(typeof head === 'string' ? head : JSON.stringify(head))
  const length = Buffer.alloc(4)
  length.writeUInt32BE(text.byteLength)
  return Buffer.concat([length, text, Buffer.from(body)])
}

const head = { fields, etag: '"abc"', lastModified: 1, size: 4, until: 5 }

describe('a response as one value', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), bytes => {
        const { entity, until } = readResponse(printed(bytes))!
        const { body, ...described } = entityOf(bytes)
        expect({ ...entity, body: undefined, until }).toEqual({ ...described, body: undefined, until: 5 })
        expect(Buffer.from(entity.body.bytes).equals(body.bytes)).toBe(true)
      }),
    )
  })

  it('has the body as it is, and little besides', () => {
    const bytes = Buffer.alloc(100_000, 'body')
    const value = printed(bytes)
    expect(value.subarray(-bytes.length).equals(bytes)).toBe(true)
    expect(value.length - bytes.length).toBeLessThan(1024)
  })

  it.each([
    ['no entity tag', { etag: '' }],
    ['a weak entity tag', { etag: 'W/"a"' }],
    ['an entity tag in Latin-1', { etag: '"\u00e9"' }],
    ['header values in Latin-1', { fields: { ...fields, 'x-amz-meta-note': 'caf\u00e9' } }],
  ])('can have %s', (_, changes) => {
    expect(readResponse(printed(Buffer.from('a'), changes))?.entity).toMatchObject(changes)
  })
})

describe('what is no value', () => {
  it('a forged head that is right is read', () => {
    expect(readResponse(forged(head))?.entity.size).toBe(4)
  })

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['a length without a head', Buffer.from([0, 0, 0, 9])],
    ['a head that would be longer than all of it', Buffer.from([255, 255, 255, 255, 0x7b, 0x7d])],
    ['a head above the limit', forged(`"${'a'.repeat(70_000)}"`)],
    ['a head that is no JSON', forged('{')],
    ['a head of another form', forged([1])],
    ['a body that was cut off', forged(head, 'bod')],
    ['a body with more behind it', forged(head, 'body2')],
    ['a size that is none', forged({ ...head, size: -4 })],
    ['a further member', forged({ ...head, status: 500 })],
    ['a header with a line break', forged({ ...head, fields: { 'x-a': 'b\r\nset-cookie: c' } })],
    ['a header name with a line break', forged({ ...head, fields: { 'x-a\r\nb': 'c' } })],
    ['a header value that is no text', forged({ ...head, fields: { 'x-a': ['b'] } })],
    ['a header of the connection', forged({ ...head, fields: { 'transfer-encoding': 'chunked' } })],
    ['a length of its own', forged({ ...head, fields: { 'content-length': '1' } })],
    ['a cookie', forged({ ...head, fields: { 'set-cookie': 'a=b' } })],
    ['an entity tag without quotes', forged({ ...head, etag: 'abc' })],
    ['an entity tag with a line break', forged({ ...head, etag: '"a\nb"' })],
    ['a date that is none', forged({ ...head, lastModified: 1e300 })],
  ])('%s', (_, value) => {
    expect(readResponse(value)).toBeNull()
  })

  it('any bytes whatever are no error', () => {
    fc.assert(
      fc.property(fc.uint8Array(), bytes => {
        readResponse(bytes)
      }),
    )
  })

  it('every part of a value is none', () => {
    const value = printed(Buffer.from('some body'))
    for (let length = 0; length < value.length; length++) expect(readResponse(value.subarray(0, length))).toBeNull()
  })
})
