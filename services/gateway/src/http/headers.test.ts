import type { BucketConfig, HeaderRule } from '@mortise/config'
import { describe, expect, it } from 'vitest'
import { freshnessLifetime } from './cache-control.ts'
import { addVary, createHeaderRules, legalFields, objectFields } from './fields.ts'
import { createAcceptReader } from './negotiate.ts'

describe('how long a response may be kept', () => {
  it.each([
    ['max-age=60', 60],
    ['public, max-age=84000', 84000],
    ['Max-Age=5', 5],
    ['max-age="7"', 7],
    ['max-age=60, no-store', 0],
    ['private, max-age=60', 0],
    ['no-cache', 0],
    ['s-maxage=60', 0],
    ['max-age=soon', 0],
    ['', 0],
  ])('%j: %d s', (field, seconds) => {
    expect(freshnessLifetime(field)).toBe(seconds)
  })
})

describe('header rules', () => {
  const bucket = { name: 'b', headers: { 'X-Bucket': 'b', 'Cache-Control': 'max-age=1' } } as unknown as BucketConfig
  const apply = (rules: Parameters<typeof createHeaderRules>[0], status: number, fields: Record<string, string>) => {
    createHeaderRules(rules, { b: bucket })('b', status, fields)
    return fields
  }

  it('adds what is missing, from the bucket first', () => {
    const rules = [{ statusCodes: [200], override: false, values: { 'Cache-Control': 'max-age=2', 'X-Global': 'g' } }]
    expect(apply(rules, 200, {})).toEqual({ 'x-bucket': 'b', 'cache-control': 'max-age=1', 'x-global': 'g' })
  })

  it('replaces with a name that is not in canonical case, as mort does', () => {
    const rules = [{ statusCodes: [200], override: false, values: { 'cache-control': 'max-age=2' } }]
    expect(apply(rules, 200, { 'cache-control': 'max-age=3' })['cache-control']).toBe('max-age=2')
  })

  it('keeps what the object says otherwise, unless the rule overrides', () => {
    const values = { 'Cache-Control': 'max-age=2' }
    expect(
      apply([{ statusCodes: [200], override: false, values }], 200, { 'cache-control': 'x' })['cache-control'],
    ).toBe('x')
    expect(
      apply([{ statusCodes: [200], override: true, values }], 200, { 'cache-control': 'x' })['cache-control'],
    ).toBe('max-age=2')
  })

  it('leave out what no response can hold', () => {
    const values = { 'X A': '1', 'X-B': '1\r\nx-c: 2', 'X-D': '\u20ac', 'X-E': '\u00e9' }
    expect(apply([{ statusCodes: [404], override: false, values }], 404, {})).toMatchObject({ 'x-e': '\u00e9' })
    expect(Object.keys(apply([{ statusCodes: [404], override: true, values }], 404, {}))).toEqual(
      expect.not.arrayContaining(['x a', 'x-b', 'x-d']),
    )
  })

  it('applies the first rule of a status only', () => {
    const rules: HeaderRule[] = [
      { statusCodes: [404, 400], override: false, values: { 'X-A': '1' } },
      { statusCodes: [404], override: false, values: { 'X-A': '2', 'X-B': '2' } },
    ]
    expect(apply(rules, 404, {})).toMatchObject({ 'x-a': '1' })
    expect(apply(rules, 404, {})).not.toHaveProperty('x-b')
  })
})

describe('the fields of an object', () => {
  const info = { size: 5, etag: 'abc', lastModified: new Date(0), metadata: {} }

  it.each([
    [{}, '"abc"'],
    [{ weak: true as const }, 'W/"abc"'],
    // Two objects without a tag are not one.
    [{ etag: '' }, undefined],
  ])('%j has the tag %j', (changes, etag) => {
    expect(objectFields({ ...info, ...changes }).etag).toBe(etag)
  })

  it.each([
    ['image/svg+xml', "script-src 'none'; sandbox"],
    ['IMAGE/SVG+XML; charset=utf-8', "script-src 'none'; sandbox"],
    ['text/html', undefined],
    ['image/png', undefined],
    [undefined, undefined],
  ])('of the type %s: nobody may guess another, and the policy is %j', (contentType, policy) => {
    const fields = objectFields({ ...info, ...(contentType ? { contentType } : {}) })
    expect(fields['x-content-type-options']).toBe('nosniff')
    expect(fields['content-security-policy']).toBe(policy)
  })

  it.each([
    [undefined, 'Accept-Encoding'],
    ['Accept', 'Accept, Accept-Encoding'],
    ['Origin, accept-encoding', 'Origin, accept-encoding'],
    ['*', '*'],
  ])('that vary by %j vary by %j then', (vary, both) => {
    const fields: Record<string, string> = vary === undefined ? {} : { vary }
    addVary(fields, 'Accept-Encoding')
    expect(fields).toEqual({ vary: both })
  })
})

describe('fields that came from outside', () => {
  it.each([
    ['x-amz-meta-name', '\u2605', false],
    ['x-amz-meta-name', 'a\r\nset-cookie: b', false],
    ['x-amz-meta-na me', 'a', false],
    ['content-disposition', 'attachment; filename="\u00e9.jpg"', true],
    ['x-amz-meta-name', '', true],
  ])('%s: %j is kept: %s', (name, value, kept) => {
    expect(name in legalFields({ [name]: value })).toBe(kept)
  })
})

describe('negotiation of webp', () => {
  const preferenceOf = createAcceptReader(['webp'])

  it.each([
    ['image/webp', ['webp']],
    ['image/avif,image/webp,*/*', ['webp']],
    ['IMAGE/WEBP;q=0.5', ['webp']],
    ['image/webp;q=0', []],
    ['image/*', []],
    ['*/*', []],
    ['image/webp+x', []],
    [undefined, []],
  ])('%s', (accept, formats) => {
    expect(preferenceOf(accept).formats).toEqual(formats)
  })

  it('does not look at Accept when nothing can be negotiated', () => {
    expect(createAcceptReader([])('image/webp').variant).toBe('')
  })
})
