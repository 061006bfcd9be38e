import { describe, expect, it } from 'vitest'
import { planOf, resolve } from './harness.ts'

describe('a URL that is refused', () => {
  const bad = (rows: string[]) => rows.map((row): [string, string] => [row, 'invalid_request'])
  it.each<[string, string]>([
    ...bad(['width=', 'width=0', 'width=-1', 'width=x', 'height=1.5', 'width=1&height=0'].map(q => `/query/a?${q}`)),
    ...bad(['', 'resize', 'resize&width=-1', 'crop&height=-1'].map(q => `/query/a?operation=${q}`)),
    ...bad(['areaWith', 'areaWidth', 'areaHeight', 'top', 'left'].map(q => `/query/a?operation=extract&${q}=-1`)),
    ...bad(['', 'x', '0', '-1', '101', 'NaN'].map(q => `/query/a?operation=blur&sigma=${q}`)),
    ...bad(['', 'x', '45', '-90', '360'].map(q => `/query/a?operation=rotate&angle=${q}`)),
    ...bad(['', 'x', '0', '101'].map(q => `/query/a?quality=${q}`)),
    ...bad(['', 'bmp', 'svg', 'pdf', 'JPG'].map(q => `/query/a?format=${q}`)),
    ...bad(
      ['', 'x', '-1', '2', 'NaN'].map(opacity => `/query/a?operation=watermark&image=http://a/b&opacity=${opacity}`),
    ),
    ...bad(
      ['', 'top', 'left-top'].map(text => `/query/a?operation=watermark&opacity=1&image=http://a/b&position=${text}`),
    ),
    ...bad(
      ['', '/b', 'b.png', 'file:///b', 'ftp://a/b', 'http:', 'http://u@a/b'].map(
        image => `/query/a?operation=watermark&opacity=1&position=top-left&image=${image}`,
      ),
    ),
    ...bad(['width=-1', 'height=-1'].map(query => `/query/a?operation=resizeCropAuto&${query}`)),
    ...bad(['nothing', 'bad_format', 'bad_sigma', 'no_sigma'].map(name => `/presets/${name}/a`)),
    ...bad(['below', 'below_crop', 'below_area', 'below_auto'].map(name => `/presets/${name}/a`)),
    ...bad(['no_image', 'no_position', 'bad_position', 'bad_opacity', 'bad_url'].map(name => `/presets/${name}/a`)),
    ...bad(['nothing/YQ', 'bad_format/YQ', 'small/YQ==', 'small/a.jpg'].map(rest => `/base64/${rest}`)),
    ...bad(
      ['w_1,c_fill', 'c_none', 'c_a:b', 'c_fit,w', 'c_fit,w_x', 'c_fit,h_-1', 'photos'].map(text => `/cloud/${text}/a`),
    ),
    ...bad(['b_no', 'ar_no', 'g_no', 'bo_1', 'co_red', 'x_no', 'y_no'].map(text => `/cloud/c_fit,w_1,${text}/a`)),
    ...bad(['size=x', 'size=-1', 'size=1&err=no'].map(query => `/script/a?${query}`)),
    ...bad(['/plain/../a', '/plain/%2e%2e/a', '/plain/a%00', '/plain/%zz', '/plain/a%5cb', 'plain/a', '']),
    ...bad(['/open/small/a.jpg', '/open/small/nowhere/a.jpg', '/open/small/plain']),
    ...bad([`/still/a?format=gif`]),
    ['/nowhere/a', 'no_such_bucket'],
    ['//a', 'no_such_bucket'],
    ['/tengo/a', 'unsupported'],
  ])('%s: %s', (target, code) => {
    expect(() => resolve(target)).toThrow(expect.objectContaining({ code }))
  })

  it.each([
    ['/mixed/nothing/a?width=5', '/nothing/a', '5x0 enlarge'],
    ['/mixed/bad_sigma/a?width=5', '/bad_sigma/a', '5x0 enlarge'],
    ['/mixed/small/a?width=5', '/a', '100x0 enlarge'],
  ])('%s is none: presets-query goes on with the query', (target, key, text) => {
    const { original, passes } = planOf(target)
    const [width] = text.split('x')
    expect([original.key, passes]).toMatchObject([key, [[{ op: 'resize', width: Number(width) }]]])
  })

  it.each<[string, object[]]>([
    ['marked', [{ op: 'watermark', image: 'file:mark.png', row: 1, column: 2, opacity: 1 }]],
    ['marked_url', [{ op: 'watermark', image: 'https://a/b.png', row: 2, column: 0, opacity: 0.25 }]],
    [
      'auto',
      [
        { op: 'blur', sigma: 1, minAmplitude: 0 },
        { op: 'resizeCropAuto', width: 30, height: 20 },
      ],
    ],
  ])('/presets/%s/a is none', (name, steps) => {
    expect(planOf(`/presets/${name}/a`).passes).toEqual([steps])
  })

  it("a preset's mistake does not tell what it holds", () => {
    expect(() => resolve('/presets/bad_url/a')).toThrow(/^(?!.*secret).*preset bad_url: watermark: image/)
  })

  it('/presets/odd_quality/a is none: what is out of range is passed over', () => {
    expect(planOf('/presets/odd_quality/a')).toMatchObject({
      passes: [[{ op: 'grayscale' }]],
      output: { quality: null },
    })
  })

  it('/lacking/x/a is none: a path without groups names nothing', () => {
    expect(() => resolve('/lacking/x/a')).toThrow(expect.objectContaining({ code: 'invalid_request' }))
    expect(resolve('/lacking/a')).toMatchObject({ kind: 'object' })
  })
})
