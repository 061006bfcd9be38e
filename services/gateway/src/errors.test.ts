import { type ErrorCode, errorCodes, MortiseError } from '@mortise/errors'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { publicText, renderError, replies } from './errors.ts'

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
    '%s is explained only to who debugs, and only his own mistakes',
    code => {
      const error = new MortiseError(code, 'the facts')
      expect(renderError(error, { debug: false }).body).not.toContain('facts')
      expect(renderError(error, { debug: true }).body.includes('facts')).toBe(replies[code].explain)
    },
  )
})
