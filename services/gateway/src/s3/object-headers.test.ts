import { describe, expect, it } from 'vitest'
import { factsOf, readConditions, readFacts } from './object-headers.ts'

const refusing = (s3Code: string) => expect.objectContaining({ s3Code })

describe('what an upload says of its object', () => {
  it('is kept as it is, but for what is of the transfer', () => {
    const headers = {
      'content-type': 'image/png',
      'cache-control': 'max-age=1',
      'content-encoding': 'aws-chunked,gzip',
      'content-language': 'de',
      'content-disposition': 'inline',
      'x-amz-meta-header': 'meta',
      'x-amz-meta-mortise-etag': 'forged',
      'x-amz-acl': 'private',
      'x-amz-storage-class': 'STANDARD',
      'x-amz-date': '20260101T000000Z',
    }
    expect(readFacts(headers)).toEqual({
      contentType: 'image/png',
      cacheControl: 'max-age=1',
      contentEncoding: 'gzip',
      contentLanguage: 'de',
      contentDisposition: 'inline',
      metadata: { header: 'meta' },
    })
    expect(readFacts({ 'content-encoding': 'aws-chunked' })).toEqual({ metadata: {} })
  })

  it.each([
    ['x-amz-tagging', 'a=b', 'NotImplemented'],
    ['x-amz-grant-read', 'id=x', 'NotImplemented'],
    ['x-amz-server-side-encryption', 'AES256', 'NotImplemented'],
    ['x-amz-server-side-encryption-customer-key', 'x', 'NotImplemented'],
    ['x-amz-object-lock-mode', 'GOVERNANCE', 'NotImplemented'],
    ['x-amz-website-redirect-location', '/x', 'NotImplemented'],
    ['x-amz-write-offset-bytes', '3', 'NotImplemented'],
    ['x-amz-storage-class', 'GLACIER', 'InvalidStorageClass'],
    ['x-amz-meta-long', 'x'.repeat(3000), 'InvalidRequest'],
  ])('is refused with %s, which would be a promise', (name, value, code) => {
    expect(() => readFacts({ [name]: value })).toThrow(refusing(code))
  })

  it('is copied without what was noted of the old bytes', () => {
    expect(factsOf({ contentType: 'a/b', metadata: { a: '1', 'mortise-parts': '5x2' } })).toEqual({
      contentType: 'a/b',
      metadata: { a: '1' },
    })
  })
})

it.each([
  [{}, {}],
  [{ 'if-none-match': '*' }, { ifAbsent: true }],
  [{ 'if-match': '"abc"' }, { ifMatch: 'abc' }],
  [{ 'if-match': '*' }, { ifMatch: '*' }],
])('%j is the condition %j', (headers, conditions) => {
  expect(readConditions(headers)).toEqual(conditions)
})

it.each([{ 'if-none-match': '"abc"' }, { 'if-none-match': '*', 'if-match': '*' }])('%j is no condition', headers => {
  expect(() => readConditions(headers)).toThrow(refusing('NotImplemented'))
})
