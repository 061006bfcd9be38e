import { describe, expect, it } from 'vitest'
import { plannerWith, planOf, resolve } from './harness.ts'
import type { Format } from './plan.ts'

describe('what the client accepts', () => {
  it.each<[string, string, Format[], string | null, boolean]>([
    ['', '/query/a?width=5', ['avif', 'webp'], null, false],
    ['webp: ~', '/query/a?width=5', ['avif', 'webp'], 'webp', true],
    ['webp: ~', '/query/a?width=5&format=png', ['webp'], 'webp', true],
    ['webp: ~', '/query/a?width=5', [], null, true],
    ['webp: ~, avif: ~', '/query/a?width=5', ['avif', 'webp'], 'avif', true],
    ['webp: ~, avif: ~', '/query/a?width=5', ['webp', 'avif'], 'webp', true],
    ['avif: ~', '/query/a?width=5', ['webp'], null, true],
    ['', '/cloud/c_fit,w_5/a', ['avif', 'webp'], null, false],
    ['', '/cloud/c_fit,w_5,f_auto/a', ['avif', 'webp'], 'webp', true],
    ['', '/cloud/c_fit,w_5/f_auto/a', ['webp'], 'webp', true],
    ['', '/cloud/f_auto/c_fit,w_5,f_png/a', ['webp'], null, false],
    ['', '/cloud/c_fit,w_5,f_auto/a', [], null, true],
    ['', '/cloud/c_fit,w_5,f_auto/a', ['avif'], null, true],
    ['avif: ~', '/cloud/c_fit,w_5,f_auto/a', ['avif', 'webp'], 'avif', true],
    ['avif: ~', '/cloud/c_fit,w_5,f_auto/a', ['webp'], 'webp', true],
  ])('with the plugins {%s}, %s, %j gives %s', async (plugins, target, accepts, format, negotiated) => {
    const by = await plannerWith(plugins)
    const resolution = resolve(target, accepts, by)
    expect(resolution).toMatchObject({ negotiated })
    const asked = /,f_png/.test(target) ? 'png' : 'original'
    expect(planOf(target, accepts, by).output.format).toBe(format ?? asked)
  })

  it('has a key of its own', () => {
    const of = (accepts: Format[]) => planOf('/cloud/c_fit,w_5,f_auto/a', accepts).derivative.key
    expect([of(['webp']), of([])]).toEqual(['/c_fit,w_5,f_auto/awebp', '/c_fit,w_5,f_auto/a'])
  })

  it.each([
    ['', ['webp']],
    ['avif: ~', ['avif', 'webp']],
  ])('matters for these formats with the plugins {%s}: %j', async (plugins, formats) => {
    expect((await plannerWith(plugins)).negotiable).toEqual(formats)
  })
})

describe('keepFormat', () => {
  it.each<[string, string, boolean]>([
    ['/kept/a?width=5&format=png', 'png', false],
    ['/kept/a?width=5', 'webp', true],
    ['/query/a?width=5&format=png', 'webp', true],
  ])('%s, with WebP accepted, is %s', async (target, format, negotiated) => {
    const by = await plannerWith('webp: ~')
    expect(resolve(target, ['webp'], by)).toMatchObject({ negotiated, plan: { output: { format } } })
  })
})
