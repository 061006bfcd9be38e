import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { type Field, isProven, signAnswer } from './signature.ts'

const key = { accessKey: 'key', secretAccessKey: 'abcd' }
const then = 1_315_060_510
const by = (text: string, algorithm = 'sha1') => createHash(algorithm).update(`${text}abcd`).digest('hex')
const form = (signature: string, ...more: Field[]): Field[] => [
  ['api_key', 'key'],
  ['timestamp', String(then)],
  ['signature', signature],
  ...more,
]

describe('a signature', () => {
  it("is the one of Cloudinary's own example", () => {
    const more: Field[] = [
      ['public_id', 'sample_image'],
      ['eager', 'w_400,h_300,c_pad|w_260,h_200,c_crop'],
    ]
    const fields = form('bfd09f95f331f558cbd1320e67aa8d488770583e', ...more)
    expect(isProven(fields, key, then * 1000)).toBe(true)
  })

  it.each<[string, Field[], boolean]>([
    [
      'a=1&file=x&timestamp=T',
      [
        ['file', 'x'],
        ['a', '1'],
      ],
      true,
    ],
    [
      'a=1&timestamp=T',
      [
        ['file', 'x'],
        ['a', '1'],
        ['cloud_name', 'c'],
        ['resource_type', 'image'],
      ],
      true,
    ],
    [
      'a=1&a=0&timestamp=T',
      [
        ['a', '1'],
        ['a', '0'],
      ],
      true,
    ],
    [
      'a=0&a=1&timestamp=T',
      [
        ['a', '1'],
        ['a', '0'],
      ],
      false,
    ],
    ['a=&timestamp=T', [['a', '']], true],
    ['timestamp=T', [['a', '']], true],
    [
      'tags=x,y&timestamp=T',
      [
        ['tags[]', 'x'],
        ['tags[]', 'y'],
      ],
      true,
    ],
    ['a=b&c=d&timestamp=T', [['a', 'b&c=d']], true],
    ['a=b%26c=d&timestamp=T', [['a', 'b&c=d']], true],
    [
      'a=b%26c=d&timestamp=T',
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
      false,
    ],
    ['timestamp=T', [['a', '1']], false],
    ['a=2&timestamp=T', [['a', '1']], false],
    ['timestamp=T', [['timestamp', '']], true],
    ['timestamp=T', [['signature', 'another']], true],
  ])('of %j goes with %j: %j', (text, fields, proven) => {
    for (const algorithm of ['sha1', 'sha256']) {
      const signature = by(text.replace('T', String(then)), algorithm)
      expect(isProven(form(signature, ...fields), key, then * 1000)).toBe(proven)
    }
  })

  it.each([
    [0, true],
    [3600, true],
    [3601, false],
    [-600, true],
    [-601, false],
  ])('%d s later: %j', (later, proven) => {
    expect(isProven(form(by(`timestamp=${then}`)), key, (then + later) * 1000)).toBe(proven)
  })

  it('is of the digest that is named', () => {
    const text = `signature_algorithm=sha256&timestamp=${then}`
    const more: Field = ['signature_algorithm', 'sha256']
    expect(isProven(form(by(text, 'sha256'), more), key, then * 1000)).toBe(true)
    expect(isProven(form(by(text), more), key, then * 1000)).toBe(false)
  })

  it('is in lower case, and nothing without a key', () => {
    const signature = by(`timestamp=${then}`)
    expect(isProven(form(signature.toUpperCase()), key, then * 1000)).toBe(false)
    expect(isProven(form(signature).slice(1), key, then * 1000)).toBe(false)
    expect(isProven([], key, then * 1000)).toBe(false)
  })

  it('of an answer has the digest of the request', () => {
    const text = 'public_id=a&version=1'
    expect(signAnswer('a', 1, 'abcd', form(by('')))).toBe(by(text))
    expect(signAnswer('a', 1, 'abcd', form(by('', 'sha256')))).toBe(by(text, 'sha256'))
  })
})
