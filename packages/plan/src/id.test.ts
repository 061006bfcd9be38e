import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { planOf } from './harness.ts'

describe('the id', () => {
  const id = (target: string) => planOf(target).id
  it.each([
    ['/query/a?width=5&height=6', '/query/a?height=6&width=5'],
    ['/query/a?width=5&format=jpg', '/query/a?format=jpeg&width=5'],
    ['/query/a?width=5', '/query/a?v=2&width=%35'],
    ['/query/a?width=5', '/query/a?operation=resize&width=5'],
    ['/query/a?operation=extract&areaWith=5', '/query/a?areaWidth=5&operation=extract'],
    [
      '/query/a?operation=blur&operation=resize&sigma=1&width=5',
      '/query/a?operation=resize&operation=blur&sigma=1.0&width=05',
    ],
    ['/query/a?width=5&format=png&quality=5', '/query/a?width=5&format=png'],
    ['/query/%61?width=5', '/query/a?width=5'],
  ])('of %s is that of %s', (one, other) => {
    expect(id(one)).toBe(id(other))
  })

  it.each([
    ['/query/a?width=5', '/query/a?height=5'],
    ['/query/a?width=5', '/query/b?width=5'],
    ['/query/a?width=5', '/mixed/a?width=5'],
    ['/query/a?width=5&quality=5', '/query/a?width=5'],
    ['/query/a?width=5&grayscale=0', '/query/a?width=5'],
    ['/query/a?operation=crop&width=5&height=5', '/query/a?width=5&height=5'],
    ['/query/a?operation=crop&width=5&gravity=north', '/query/a?operation=crop&width=5&gravity=south'],
    ['/cloud/c_fill,w_5,h_5/e_blur/a', '/cloud/e_blur/c_fill,w_5,h_5/a'],
    ['/cloud/c_pad,w_5,h_5,b_red/a', '/cloud/c_pad,w_5,h_5,b_blue/a'],
  ])('of %s is not that of %s', (one, other) => {
    expect(id(one)).not.toBe(id(other))
  })

  it('is one for parameters in any order, and for any that nobody reads', () => {
    const pairs = [
      ...['resize', 'crop', 'extract', 'blur', 'rotate', 'watermark', 'resizeCropAuto'].map(
        name => `operation=${name}`,
      ),
      ...['width=30', 'height=20', 'gravity=north', 'areaWith=9', 'areaHeight=8', 'top=1', 'left=2', 'sigma=2'],
      ...[
        'angle=90',
        'image=http://a/b',
        'position=top-left',
        'opacity=0.5',
        'quality=50',
        'format=webp',
        'grayscale=',
      ],
    ]
    const some = fc.shuffledSubarray(['v=1', 'embed=1', 'Width=9', '', ';', 'x;y=2', '%zz=1'])
    fc.assert(
      fc.property(fc.shuffledSubarray(pairs, { minLength: pairs.length }), some, (shuffled, more) => {
        expect(id(`/query/a?${[...shuffled, ...more].join('&')}`)).toBe(id(`/query/a?${pairs.join('&')}`))
      }),
      { numRuns: 100 },
    )
  })

  it('is one for one watermark and another for another', () => {
    const wish = fc.record({
      image: fc.constantFrom('http://a/b', 'HTTP://A/b', 'http://a/c', 'http://a/b%20', 'http://a/b#c', 'http://a/c#'),
      position: fc.constantFrom('top-left', 'top-right', 'center-center', 'bottom-left'),
      opacity: fc.constantFrom('0', '1', '1.0', '0.5', '.5', '0.25'),
    })
    type Mark = { image: string; position: string; opacity: string }
    const target = (of: Mark) => `/query/a?operation=watermark&${new URLSearchParams(of)}`
    const meaning = ({ image, position, opacity }: Mark) =>
      [new URL(image).href.split('#')[0], position, Number(opacity) || 1].join()
    fc.assert(
      fc.property(wish, wish, (one, other) => {
        expect(id(target(one)) === id(target(other))).toBe(meaning(one) === meaning(other))
      }),
    )
  })

  it('is one for one picture and another for another', () => {
    const number = fc.integer({ min: 1, max: 5 })
    const wish = fc.record(
      { width: number, height: number, quality: number, sigma: number },
      { requiredKeys: ['width'] },
    )
    const target = (of: object) => {
      const parameters = Object.entries(of).map(([name, value]) => `${name}=${value}`)
      return `/query/a?operation=resize&operation=blur&sigma=9&${parameters.join('&')}`
    }
    const meaning = ({ width = 0, height = 0, quality = 0 }) => [width, height, quality].join()
    fc.assert(
      fc.property(wish, wish, (one, other) => {
        expect(id(target(one)) === id(target(other))).toBe(meaning(one) === meaning(other))
      }),
      { numRuns: 500 },
    )
  })
})
