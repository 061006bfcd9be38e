import type { Plan, Resolution } from '@mortise/plan'
import { describe, expect, it } from 'vitest'
import { createDebug, printTransforms } from './debug.ts'
import { legalFields } from './http/fields.ts'

const output: Plan['output'] = { format: 'webp', quality: 80, progressive: true, metadata: 'strip' }
const resize = { op: 'resize', width: 30, height: 20, fit: 'inside', enlarge: false } as const
const end = { format: 'webp', hash: 'f0', interlace: true, quality: 80, stripMetada: true }
const print = (passes: Plan['passes']) => JSON.parse(printTransforms({ id: 'f0', passes, output }))

describe('the transforms of a plan', () => {
  it.each<[string, Plan['passes'][number][number], object]>([
    ['resize', resize, { width: 30, height: 20, enlarge: false, preserveAspectRatio: true }],
    ['a stretching resize', { ...resize, fit: 'stretch' }, { width: 30, height: 20, enlarge: false, force: true }],
    [
      'crop',
      { op: 'crop', width: 3, height: 2, gravity: 'smart', enlarge: true },
      { width: 3, height: 2, gravity: 'smart', enlarge: true, crop: true },
    ],
    [
      'extract',
      { op: 'extract', left: 1, top: 2, width: 3, height: 4 },
      { left: 1, top: 2, areaWidth: 3, areaHeight: 4 },
    ],
    ['resizeCropAuto', { op: 'resizeCropAuto', width: 3, height: 4 }, { autoCropWidth: 3, autoCropHeight: 4 }],
    ['rotate', { op: 'rotate', angle: 90 }, { rotate: 90 }],
    ['blur', { op: 'blur', sigma: 2, minAmplitude: 0 }, { blur: { sigma: 2, minAmplitude: 0 } }],
    ['grayscale', { op: 'grayscale' }, { interpretation: 'b-w' }],
    [
      'a watermark, but not which: it may be a file of this machine',
      { op: 'watermark', image: 'file:/etc/logo.png', column: 0, row: 1, opacity: 0.5 },
      { watermark: { column: 0, row: 1, opacity: 0.5 } },
    ],
  ])('name %s as mort does', (_, step, members) => {
    expect(print([[step]])).toEqual([{ ...members, ...end }])
  })

  it('are in alphabetical order, one object for each pass, the output in the last', () => {
    const text = printTransforms({ id: 'f0', passes: [[{ op: 'rotate', angle: 90 }], [resize]], output })
    expect(text).toBe(
      '[{"rotate":90},{"enlarge":false,"format":"webp","hash":"f0","height":20,"interlace":true,' +
        '"preserveAspectRatio":true,"quality":80,"stripMetada":true,"width":30}]',
    )
  })

  it('are there without steps as well', () => {
    expect(print([])).toEqual([end])
  })

  it('are bounded, and stay JSON', () => {
    const passes = Array.from({ length: 32 }, () => Array(16).fill(resize).concat({ op: 'rotate', angle: 180 }))
    const text = printTransforms({ id: 'f0', passes: [...passes, ...passes, ...passes], output })
    expect(text.length).toBeLessThanOrEqual(4096)
    expect(JSON.parse(text).length).toBeGreaterThan(10)
  })
})

describe('debug headers', () => {
  const debug = (allowed = true) =>
    createDebug({
      allowed,
      version: '1.2.3',
      kindOf(storage) {
        if (storage === 'b/transform') throw new Error('not configured')
        return 'local'
      },
    })
  const plan = {
    id: 'f0',
    original: { storage: 'b/basic', bucket: 'b', key: '/\u2605 cat.jpg' },
    passes: [],
    output,
    derivative: { storage: 'b/transform', bucket: 'b', key: '/x\r\nset-cookie: a' },
  } as unknown as Plan
  const derivative: Resolution = { kind: 'derivative', bucket: 'b', plan, checkParent: false, negotiated: false }

  it.each([
    [{ 'x-mort-debug': '1' }, true, true],
    [{ 'x-mort-debug': '' }, true, false],
    [{}, true, false],
    [{ 'x-mort-debug': '1' }, false, false],
  ])('%j, allowed: %s: asked for: %s', (fields, allowed, asked) => {
    expect(debug(allowed).asked(fields)).toBe(asked)
  })

  it('name the object, its storage and the version', () => {
    const object = { storage: 'b/basic', bucket: 'b', key: '/cat.jpg' }
    expect(debug().describe({ kind: 'object', bucket: 'b', object, imageOnly: false })).toEqual({
      'cache-control': 'no-cache',
      'x-mort-version': 'mortise 1.2.3',
      'x-mort-key': '/cat.jpg',
      'x-mort-storage': 'local',
    })
  })

  it('name the derivative and its original, and can all be sent', () => {
    const fields = debug().describe(derivative)
    expect(fields).toMatchObject({
      'x-mort-key': '/x%0D%0Aset-cookie: a',
      'x-mort-transform': 'true',
      'x-mort-parent-key': '/%E2%98%85 cat.jpg',
      'x-mort-parent-bucket': 'b',
      'x-mort-parent-storage': 'local',
    })
    expect(fields).not.toHaveProperty('x-mort-storage')
    expect(legalFields({ ...fields })).toEqual(fields)
  })
})
