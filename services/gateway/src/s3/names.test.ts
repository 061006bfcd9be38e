import { parseQuery } from '@mortise/plan'
import { describe, expect, it } from 'vitest'
import { isOnlyOfS3, isSigned, subResourceOf } from './names.ts'

it.each([
  ['', ''],
  ['x-id=GetObject&list-type=2&prefix=a', ''],
  ['partNumber=3', ''],
  ['acl', 'acl'],
  ['uploads=', 'uploads'],
  ['partNumber=1&uploadId=x', 'uploadId'],
  ['versionId=null', ''],
  ['versionId=3', 'versionId'],
  ['acl&versionId=3', 'acl,versionId'],
])('?%s is about "%s"', (query, about) => {
  expect(subResourceOf(parseQuery(query))).toBe(about)
})

it.each([
  ['/a/b.jpg', false],
  ['/.../b', false],
  ['/a/', true],
  ['/a//b', true],
  ['//a', true],
  ['//', true],
])('the key %s is one of the S3 API only: %s', (key, only) => {
  expect(isOnlyOfS3(key)).toBe(only)
})

describe('a signature of AWS', () => {
  it.each([
    ['/b/k', undefined, false],
    ['/b/k', 'Bearer x', false],
    ['/b/k', 'AWS acc:sig', true],
    ['/b/k', 'AWS4-HMAC-SHA256 Credential=x', true],
    ['/b/k?X-Amz-Signature=x', undefined, true],
    ['/b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256', undefined, true],
    ['/b/k?AWSAccessKeyId=x&Signature=y&Expires=1', undefined, true],
    ['/b/X-Amz-Signature?width=1', undefined, false],
    ['/b/k?width=X-Amz-Signature', undefined, false],
  ])('in %s with %s: %s', (target, authorization, signed) => {
    expect(isSigned(target, authorization)).toBe(signed)
  })
})
