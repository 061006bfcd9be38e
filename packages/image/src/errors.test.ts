import { MortiseError } from '@mortise/errors'
import { describe, expect, it } from 'vitest'
import { toRenderError } from './errors.ts'

describe('what sharp throws', () => {
  it.each([
    ['timeout: 42% complete', 'timed_out'],
    ['Input image exceeds pixel limit', 'limit_exceeded'],
    ['Input image exceeds channel limit', 'limit_exceeded'],
    ['Input SVG image exceeds 32767x32767 pixel limit', 'limit_exceeded'],
    ['Processed image is too large for the WebP format', 'limit_exceeded'],
    ['extract_area: bad extract area', 'invalid_request'],
    ['Image to composite must have same dimensions or smaller', 'invalid_request'],
    ['Input buffer contains unsupported image format', 'undecodable'],
    ['Input Buffer is empty', 'undecodable'],
    ['Input buffer has corrupt header: pngload_buffer: end of stream', 'undecodable'],
    ['VipsJpeg: premature end of JPEG image', 'undecodable'],
    ['something new', 'undecodable'],
    ['Expected positive integer for width but received -1 of type number', 'internal'],
    ['Rotate is not supported for multi-page images', 'internal'],
    ['Resize strategy is not supported for multi-page images', 'internal'],
  ])('%s: %s', (message, code) => {
    expect(toRenderError(new Error(message)).code).toBe(code)
  })

  it('as a bug of ours is internal', () => {
    expect(toRenderError(new TypeError('x is not a function')).code).toBe('internal')
    expect(toRenderError('a string').code).toBe('internal')
  })

  it('keeps a code that it has', () => {
    const error = new MortiseError('cancelled', 'gone')
    expect(toRenderError(error)).toBe(error)
  })

  it('says each reason once, in one line of bounded length', () => {
    const { message } = toRenderError(new Error(`gifload: no\ngifload: no\n${'x'.repeat(5000)}\n`))
    expect(message).toMatch(/^gifload: no; x+$/)
    expect(message.length).toBe(500)
  })
})
