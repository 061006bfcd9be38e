import { RE2JS } from 're2js'
import { describe, expect, it } from 'vitest'
import { noQuery } from '../address.ts'
import { createBase64PresetsGrammar } from './base64-presets.ts'

const filters = {
  ...{ thumbnail: null, extract: null, resizeCropAuto: null, blur: null, watermark: null, rotate: null },
  ...{ crop: { width: 10, height: 20, gravity: '', mode: '', embed: false } },
  ...{ interlace: false, strip: false, grayscale: false },
}
const options = {
  path: RE2JS.compile('^/(?P<presetName>[a-z]+)/(?P<parent>.+)$'),
  presets: { small: { quality: 0, format: '', filters } },
  parentBucket: 'originals' as string | null,
}
const parse = (key: string, parentBucket: string | null = 'originals') =>
  createBase64PresetsGrammar({ ...options, parentBucket })({ key, query: noQuery })
const encoded = (text: string) => Buffer.from(text).toString('base64').replaceAll('=', '')

describe('base64 presets', () => {
  it.each([
    ['cat.jpg', 'originals', '/originals/cat.jpg'],
    ['trip/cat.jpg', 'originals', '/originals/trip/cat.jpg'],
    ['/cat.jpg', 'originals', '/originals/cat.jpg'],
    ['a/cat', 'originals', '/originals/a/cat'],
    ['Café/ÿþ~~?', 'originals', '/originals/Café/ÿþ~~?'],
    ['other/cat.jpg', null, '/other/cat.jpg'],
  ])('decode %s, in %s, as %s', (text, bucket, parent) => {
    expect(parse(`/small/${encoded(text)}`, bucket)?.parent).toBe(parent)
  })

  it('may hold a slash', () => {
    expect(encoded('???')).toBe('Pz8/')
    expect(parse('/small/Pz8/')?.parent).toBe('/originals/???')
  })

  it('are plain objects where the regexp does not match', () => {
    expect(parse('/9/Y2F0')).toBeNull()
  })

  it.each([
    ['an unknown preset', '/large/Y2F0'],
    ['padding', '/small/Y2E='],
    ['the alphabet of URLs', '/small/Pz8_'],
    ['another character', '/small/Y2F0.jpg'],
    ['a digit too many', '/small/Y2F0Z'],
    ['what is no UTF-8', `/small/${Buffer.from([0xff, 0xfe]).toString('base64').replaceAll('=', '')}`],
    ['a parent that climbs', `/small/${encoded('../secret')}`],
    ['a control character', `/small/${encoded('a\0b')}`],
    ['a backslash', `/small/${encoded('a\\b')}`],
  ])('refuse %s', (_name, key) => {
    expect(() => parse(key)).toThrow(expect.objectContaining({ code: 'invalid_request' }))
  })
})
