import { describe, expect, it } from 'vitest'
import { asHeaders } from './form-headers.ts'

const read = (name: string, value: string) => asHeaders(new Map([[name, value]]))[name]

describe('a field of a form', () => {
  it.each([
    ['content-type', 'text/plain; charset=utf-8', 'text/plain; charset=utf-8'],
    ['x-amz-meta-a', 'plain  text\t', 'plain  text\t'],
    ['x-amz-meta-a', 'Zoë', '=?UTF-8?B?Wm/Dqw==?='],
    ['x-amz-meta-a', '猫', '=?UTF-8?B?54yr?='],
    ['policy', 'any\r\nthing 猫', 'any\r\nthing 猫'],
  ])('%s: %j is %j', (name, value, header) => {
    expect(read(name, value)).toBe(header)
  })

  it.each([
    ['content-type', 'a/b\r\nx: y'],
    ['content-type', 'a/猫'],
    ['content-disposition', 'attachment; filename="ë"'],
    ['cache-control', 'a\nb'],
    ['content-encoding', 'a\0'],
    ['content-language', '\x7f'],
    ['x-amz-meta-a', 'a\r\nSet-Cookie: b'],
    ['x-amz-meta-a', 'a\0'],
    ['x-amz-meta-a b', 'c'],
    ['x-amz-meta-a\r\nb', 'c'],
    ['x-amz-meta-ë', 'c'],
  ])('%j: %j is no header', (name, value) => {
    expect(() => read(name, value)).toThrow(expect.objectContaining({ s3Code: 'InvalidArgument' }))
  })
})
