import { MortiseError } from '@mortise/errors'
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { parseQuery } from './address.ts'
import { parseQuerySet } from './grammars/query.ts'
import { planner, planOf, resolve } from './harness.ts'
import { type Format, readPlan } from './plan.ts'

describe('any URL', () => {
  const refusals = ['invalid_request', 'no_such_bucket', 'no_such_object', 'unsupported']
  const buckets = fc.constantFrom(
    ...[
      'plain',
      'query',
      'presets',
      'mixed',
      'base64',
      'cloud',
      'lacking',
      'tengo',
      'no',
      'open',
      'still',
      'old',
      'kept',
    ],
    ...['hashed', 'hashedToo', 'merged'],
  )
  const segment = fc.oneof(
    fc.constantFrom(
      'small',
      'below',
      'marked',
      'auto',
      'plain',
      'YQ',
      'c_fill,w_5',
      'f_auto',
      'q_80',
      'e_blur:5,a_90',
      'cloud',
      '..',
      '%2e',
      '',
    ),
    fc.string(),
    fc.string({ unit: 'binary' }).map(encodeURIComponentSafely),
  )
  const pair = fc.tuple(
    fc.constantFrom(
      'operation',
      'width',
      'height',
      'sigma',
      'angle',
      'quality',
      'format',
      'gravity',
      'top',
      'areaWith',
      'image',
      'position',
      'opacity',
      'x',
    ),
    fc.oneof(
      fc.constantFrom('resize', 'crop', 'extract', 'blur', 'rotate', 'watermark', 'resizeCropAuto', '90', '5', 'webp'),
      fc.constantFrom('http://a/b', 'file:/a', 'top-left', 'center-right', '0', '0.5', '1'),
      fc.string(),
      fc.integer().map(String),
    ),
  )
  const urls = fc
    .tuple(buckets, fc.array(segment), fc.array(pair))
    .map(([bucket, segments, pairs]) => `/${bucket}/${segments.join('/')}?${pairs.map(p => p.join('=')).join('&')}`)

  it('gives a plan, an object, a bucket, or a refusal of the client', () => {
    fc.assert(
      fc.property(
        fc.oneof(urls, fc.string(), fc.webUrl()),
        fc.subarray<Format>(['avif', 'webp']),
        (target, accepts) => {
          try {
            const explanation = planner.explain({ target, accepts })
            expect(JSON.parse(JSON.stringify(explanation))).toEqual(explanation)
            if ('error' in explanation) expect(refusals).toContain(explanation.error.code)
            const resolution = resolve(target, accepts)
            expect(explanation).toMatchObject({ target, kind: resolution.kind })
            if (resolution.kind !== 'derivative') return
            expect(readPlan(JSON.parse(JSON.stringify(resolution.plan)))).toEqual(resolution.plan)
            expect(resolve(target, accepts)).toEqual(resolution)
          } catch (error) {
            if (!(error instanceof MortiseError)) throw error
            expect(refusals).toContain(error.code)
          }
        },
      ),
      { numRuns: 3000 },
    )
  })

  it('of half a million slashes is that of one', () => {
    expect(resolve(`/cloud/${'/'.repeat(500_000)}a`)).toEqual(resolve('/cloud//a'))
  })

  it.each([
    ['components', (n: number) => `/cloud/${'c_fill,w_1/'.repeat(n)}a`],
    ['digits', (n: number) => `/cloud/c_fill,w_${'1'.repeat(n)}/a`],
    ['presets', (n: number) => `/presets/${'small/'.repeat(n)}a`],
    ['characters in base64', (n: number) => `/base64/small/${'YWFh'.repeat(n)}`],
    ['percents', (n: number) => `/query/${'%61'.repeat(n)}?width=5`],
    ['operations', (n: number) => `/query/a?${'operation=crop&'.repeat(n)}width=5`],
    [
      'letters in the address of a watermark',
      (n: number) => `/query/a?operation=watermark&image=http://${'a'.repeat(n)}`,
    ],
    ['dots', (n: number) => `/query/${'.../'.repeat(n)}a?width=5`],
  ])('of half a million %s is refused', (_name, make) => {
    expect(() => resolve(make(500_000))).toThrow(expect.objectContaining({ code: 'invalid_request' }))
  })

  it.each([
    ['tokens', (n: number) => `/cloud/c_fill${',w_1'.repeat(n)}/a`, 'invalid_request'],
    ['parameters', (n: number) => `/query/a?${Array.from({ length: n }, (_, i) => `p${i}=1`).join('&')}&width=5`, null],
  ])('of half a million %s ends', (_name, make, code) => {
    if (code === null) expect(planOf(make(500_000)).passes.length).toBe(1)
    else expect(() => resolve(make(500_000))).toThrow(expect.objectContaining({ code }))
  })

  it('of many parameters is asked as often as one of a few', () => {
    const questions = (count: number) => {
      const query = parseQuery(`operation=crop&width=5${'&p=1'.repeat(count)}`)
      const asked = { get: vi.fn(query.get), all: vi.fn(query.all), names: vi.fn(query.names) }
      parseQuerySet({ ...query, ...asked })
      return Object.values(asked).map(({ mock }) => mock.calls.length)
    }
    expect(questions(10_000)).toEqual(questions(1))
  })

  it.each([
    ['/query/', 2048 - 1],
    ['/presets/small/', 2048 - '/small/'.length],
  ])('that makes a key too long for a plan (%s) is refused', (start, longest) => {
    const target = (length: number) => `${start}${'k'.repeat(length)}?width=5`
    expect(readPlan(planOf(target(longest)))).toEqual(planOf(target(longest)))
    expect(() => resolve(target(longest + 1))).toThrow(expect.objectContaining({ code: 'invalid_request' }))
  })
})

function encodeURIComponentSafely(text: string): string {
  return encodeURIComponent(text.toWellFormed())
}
