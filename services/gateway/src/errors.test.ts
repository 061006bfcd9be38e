import { type ErrorCode, errorCodes, MortiseError } from '@mortise/errors'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { publicText, renderError } from './errors.ts'

describe('a message that is shown', () => {
  it.each([
    ['width: expected an integer from 1 to 10, found "0"', 'width: expected an integer from 1 to 10, found "0"'],
    ['extract: 30x30 at 0,20 is not inside 60x40', 'extract: 30x30 at 0,20 is not inside 60x40'],
    ['neither width nor/or height', 'neither width nor/or height'],
    ['/srv/photos/cat.jpg: 99 bytes, allowed are 10', '…: 99 bytes, allowed are 10'],
    ['cannot read "/etc/passwd"', 'cannot read "…"'],
    ['open file:/etc/passwd', 'open file:…'],
    ['C:\\photos\\cat.jpg is a folder', '… is a folder'],
    ['GET http://10.0.0.1:9000/b/k?X-Amz-Signature=1 answered 500', 'GET … answered 500'],
    ['s3://key:secret@host', '…'],
    ['s3: connect ECONNREFUSED 10.0.0.1:9000', 's3: connect ECONNREFUSED …'],
    ['connect ETIMEDOUT fd00::12:443', 'connect ETIMEDOUT …'],
    ['connect ECONNREFUSED [::1]:9000', 'connect ECONNREFUSED …'],
    ['getaddrinfo ENOTFOUND minio.internal', 'getaddrinfo ENOTFOUND …'],
    ['no answer of redis-1.internal:6379', 'no answer of …'],
    ['169.254.169.254 is not allowed', '… is not allowed'],
    ['storage media/basic: not configured', 'storage media/basic: not configured'],
    ['no answer within 900 ms, 3 of 4.25', 'no answer within 900 ms, 3 of 4.25'],
  ])('%j: %j', (message, shown) => {
    expect(publicText(message)).toBe(shown)
  })

  it('holds no path and no address, and is short', () => {
    const word = fc.constantFrom('/', '\\', ' ', 'a', ':', '//', 'tmp', '"', 'http://', '\n', '=', '(')
    fc.assert(
      fc.property(fc.array(word, { maxLength: 400 }), words => {
        const shown = publicText(words.join(''))
        expect(shown).not.toMatch(/\w:\/\/\w|(^|[\s"=(:])[\\/]\w/)
        expect(shown.length).toBeLessThanOrEqual(300)
      }),
    )
  })
})

describe('an error', () => {
  it.each(Object.keys(errorCodes) as ErrorCode[])(
    '%s is explained only to who debugs, unless it is a bug or nothing that he may ask',
    code => {
      const error = new MortiseError(code, 'the facts')
      expect(renderError(error, { debug: false }).body).not.toContain('facts')
      const explained = !['internal', 'unauthenticated', 'forbidden'].includes(code)
      expect(renderError(error, { debug: true }).body.includes('facts')).toBe(explained)
    },
  )

  it('that is a bug has the same body for all', () => {
    const error = new TypeError('the facts')
    for (const debug of [true, false])
      expect(renderError(error, { debug }).body).toBe('{"message":"error","code":"internal"}')
  })
})
