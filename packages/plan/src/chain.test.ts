import { loadConfig } from '@mortise/config'
import { printStep } from '@mortise/operations'
import { describe, expect, it } from 'vitest'
import { createPlanner, type Resolution } from './plan.ts'

const storages = 'storages: {basic: {kind: noop}, transform: {kind: noop}, archive: {kind: noop}}'
const path = 'path: "^/(?P<presetName>[a-z]+)/(?P<parent>.+)$"'
const filters = {
  small: '{quality: 75, format: webp, filters: {thumbnail: {width: 100, mode: outbound}}}',
  high: '{quality: 60, filters: {thumbnail: {height: 100, mode: outbound}}}',
  grey: '{filters: {grayscale: true}}',
  soft: '{filters: {blur: {sigma: 2}}}',
  turn: '{filters: {rotate: {angle: 90}}}',
  still: '{filters: {rotate: {angle: 0}}}',
  slow: '{quality: 90, filters: {interlace: true, strip: true}}',
  jpg: '{format: jpg, filters: {}}',
  square: '{filters: {crop: {width: 50, height: 50, gravity: north, mode: outbound}}}',
  bare: '{filters: {}}',
}
const presets = `presets: {${Object.entries(filters)
  .map(([name, text]) => `${name}: ${text}`)
  .join(', ')}}`
const { config } = loadConfig(
  `buckets:
    media: {${storages}, transform: {kind: presets, ${path}, parentBucket: media, ${presets}}}
    kept: {${storages}, transform: {kind: presets, ${path}, parentBucket: media, parentStorage: archive, checkParent: true, ${presets}}}
    open: {${storages}, transform: {kind: presets, ${path}, ${presets}}}
    query: {${storages}, transform: {kind: query, parentBucket: media}}
    plain: {${storages}}`,
  { env: {}, baseDir: '/' },
)
const planner = createPlanner(config)
const resolve = (target: string) => planner.plan({ target, accepts: [] })
const derivative = (target: string) => {
  const resolution = resolve(target)
  if (resolution.kind !== 'derivative') throw new Error(`${target} is no derivative`)
  return resolution as Resolution & { kind: 'derivative' }
}
const passes = (target: string) => derivative(target).plan.passes.map(pass => pass.map(printStep).join(' '))

describe('a chain of parents', () => {
  it.each([
    ['/media/small/a.jpg', ['resize(100x0 enlarge)']],
    ['/media/small/high/a.jpg', ['resize(0x100 enlarge)', 'resize(100x0 enlarge)']],
    ['/media/grey/small/a.jpg', ['resize(100x0 enlarge)', 'grayscale()']],
    ['/media/turn/small/a.jpg', ['resize(100x0 enlarge)', 'rotate(90)']],
    ['/media/small/turn/a.jpg', ['rotate(90)', 'resize(100x0 enlarge)']],
    ['/media/square/small/a.jpg', ['resize(100x0 enlarge)', 'crop(50x50 north enlarge)']],
    ['/media/soft/soft/a.jpg', ['blur(2)', 'blur(2)']],
    ['/media/small/bare/a.jpg', ['resize(100x0 enlarge)']],
    ['/media/small/slow/a.jpg', ['resize(100x0 enlarge)']],
    ['/media/turn/slow/a.jpg', ['', 'rotate(90)']],
    ['/media/turn/still/a.jpg', ['', 'rotate(90)']],
    ['/media/turn/turn/a.jpg', ['rotate(90)', 'rotate(90)']],
    ['/query/small/a.jpg?operation=rotate&angle=90', ['resize(100x0 enlarge)', 'rotate(90)']],
    ['/open/small/open/grey/plain/a.jpg', ['grayscale()', 'resize(100x0 enlarge)']],
  ])('%s is %j, the original first', (target, texts) => {
    expect(passes(target)).toEqual(texts)
  })

  it.each([
    ['/media/small/high/a.jpg', { format: 'webp', quality: 75 }],
    ['/media/high/small/a.jpg', { format: 'webp', quality: 60 }],
    ['/media/jpg/small/a.jpg', { format: 'jpeg', quality: 75 }],
    ['/media/grey/slow/a.jpg', { format: 'original', quality: 90, progressive: true, metadata: 'strip' }],
    ['/media/jpg/slow/a.jpg', { format: 'jpeg', progressive: true, metadata: 'strip' }],
  ])('%s is written as the newest that says so: %j', (target, output) => {
    expect(derivative(target).plan.output).toMatchObject(output)
  })

  it.each([
    ['/media/small/a.jpg', 'media/basic', 'media', '/a.jpg'],
    ['/kept/small/a.jpg', 'kept/archive', 'media', '/a.jpg'],
    ['/kept/small/grey/a.jpg', 'media/basic', 'media', '/a.jpg'],
    ['/open/small/plain/sub/a.jpg', 'open/basic', 'plain', '/sub/a.jpg'],
    ['/query/a.jpg?width=5', 'query/basic', 'media', '/a.jpg'],
  ])('%s reads its original from %s', (target, storage, bucket, key) => {
    expect(derivative(target).plan.original).toEqual({ storage, bucket, key })
  })

  it('checks its parent when the bucket that was asked says so', () => {
    expect(derivative('/kept/small/a.jpg').checkParent).toBe(true)
    expect(derivative('/open/small/kept/grey/a.jpg').checkParent).toBe(false)
  })

  it('without a transform is the parent itself', () => {
    expect(resolve('/media/bare/a.jpg')).toMatchObject({ kind: 'object', imageOnly: true, object: { key: '/a.jpg' } })
  })

  it.each([
    ['of 16 parents', '/media/grey', 16, ''],
    ['of 17 parents', '/media/grey', 17, 'more than 16 parents'],
    ['of 400 parents', '/media/grey', 400, 'more than 16 parents'],
  ])('%s', (_name, start, length, message) => {
    const target = `${start}${'/grey'.repeat(length - 1)}/a.jpg`
    if (message === '') expect(passes(target).length).toBe(16)
    else
      expect(() => resolve(target)).toThrow(
        expect.objectContaining({ code: 'invalid_request', message: expect.stringContaining(message) }),
      )
  })

  it.each([
    ['a parent in no bucket', '/open/small/a.jpg', 'invalid_request'],
    ['a parent that is a bucket', '/open/small/plain', 'invalid_request'],
    ['an unknown preset', '/media/large/a.jpg', 'invalid_request'],
    ['an unknown preset of the parent', '/media/small/large/a.jpg', 'invalid_request'],
  ])('is refused for %s', (_name, target, code) => {
    expect(() => resolve(target)).toThrow(expect.objectContaining({ code }))
  })
})
