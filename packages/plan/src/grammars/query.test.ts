import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseQuery } from '../address.ts'
import { toSteps } from '../steps.ts'
import { isEmpty } from '../transform-set.ts'
import { parseQuerySet } from './query.ts'

const set = (text: string) => parseQuerySet(parseQuery(text))
const resize = (width: number, height: number) => ({ op: 'resize', width, height, fit: 'stretch', enlarge: true })

const mark = 'image=http://a/b.png&position=top-left&opacity=0.5'
const watermark = (other: object) => {
  return { op: 'watermark', image: 'http://a/b.png', row: 0, column: 0, opacity: 0.5, ...other }
}

describe('the query grammar', () => {
  it.each([
    ['width=100', [resize(100, 0)]],
    ['height=50', [resize(0, 50)]],
    ['width=100&height=50', [resize(100, 50)]],
    ['width=100&width=200', [resize(100, 0)]],
    ['width=%2B100', [resize(100, 0)]],
    ['operation=resize&width=10', [resize(10, 0)]],
    ['operation=resize&width=x&height=5', [resize(0, 5)]],
    ['operation=crop&width=10&height=20', [{ op: 'crop', width: 10, height: 20, gravity: 'smart', enlarge: false }]],
    ['operation=crop&width=10&gravity=north', [{ op: 'crop', width: 10, height: 0, gravity: 'north', enlarge: false }]],
    ['operation=crop&width=10&gravity=up', [{ op: 'crop', width: 10, height: 0, gravity: 'smart', enlarge: false }]],
    ['operation=crop', []],
    [
      'operation=extract&areaWith=10&areaHeight=20&top=1&left=2',
      [{ op: 'extract', left: 2, top: 1, width: 10, height: 20 }],
    ],
    ['operation=extract&areaWidth=10', [{ op: 'extract', left: 0, top: 0, width: 10, height: 0 }]],
    ['operation=extract&width=10&height=10', []],
    ['operation=blur&sigma=2.5', [{ op: 'blur', sigma: 2.5, minAmplitude: 0 }]],
    ['operation=rotate&angle=90', [{ op: 'rotate', angle: 90 }]],
    ['operation=rotate&angle=0', []],
    [
      'operation=rotate&angle=90&operation=resize&width=20&height=20',
      [
        { op: 'rotate', angle: 90 },
        { op: 'resize', width: 20, height: 20, fit: 'inside', enlarge: false },
      ],
    ],
    ['operation=resize&operation=blur&width=9&sigma=1', [resize(9, 0), { op: 'blur', sigma: 1, minAmplitude: 0 }]],
    [
      'operation=resize&operation=crop&width=9&height=9',
      [{ op: 'crop', width: 9, height: 9, gravity: 'smart', enlarge: false }],
    ],
    ['operation=sparkle&width=9', []],
    [`operation=watermark&${mark}`, [watermark({})]],
    [`operation=watermark&${mark}&opacity=1`, [watermark({})]],
    [`operation=watermark&${mark.replace('0.5', '0')}`, [watermark({ opacity: 1 })]],
    [`operation=watermark&${mark.replace('top-left', 'top-right')}`, [watermark({ column: 2 })]],
    [`operation=watermark&${mark.replace('top-left', 'bottom-center')}`, [watermark({ row: 2, column: 1 })]],
    [`operation=watermark&${mark.replace('a/b', 'A/%20"b')}`, [watermark({ image: 'http://a/%20%22b.png' })]],
    [
      `operation=watermark&operation=blur&grayscale=1&sigma=1&${mark}`,
      [{ op: 'blur', sigma: 1, minAmplitude: 0 }, watermark({}), { op: 'grayscale' }],
    ],
    ['operation=resizeCropAuto&width=3&height=2', [{ op: 'resizeCropAuto', width: 3, height: 2 }]],
    [
      'operation=resizeCropAuto&width=3&height=x',
      [{ op: 'crop', width: 3, height: 0, gravity: 'center', enlarge: false }],
    ],
    ['operation=resizeCropAuto', []],
    [
      `operation=resizeCropAuto&operation=watermark&width=3&height=2&grayscale=1&${mark}`,
      [watermark({}), { op: 'resizeCropAuto', width: 3, height: 2 }, { op: 'grayscale' }],
    ],
    [
      'operation=resizeCropAuto&operation=extract&width=3&height=2&areaWith=9&areaHeight=8',
      [
        { op: 'resizeCropAuto', width: 3, height: 2 },
        { op: 'extract', left: 0, top: 0, width: 9, height: 8 },
      ],
    ],
    ['grayscale=0', [{ op: 'grayscale' }]],
  ])('%s', (text, steps) => {
    expect(toSteps(set(text), [])).toEqual(steps)
  })

  it.each([
    'width=0',
    'width=-1',
    'width=',
    'width=abc',
    'width=1.5',
    'width=99999999999',
    'height=0',
    'operation=',
    'operation=resize',
    'operation=resize&width=-1',
    'operation=crop&width=-1',
    'operation=extract&areaWith=-1',
    'operation=extract&top=-1',
    'operation=blur',
    'operation=blur&sigma=0',
    'operation=blur&sigma=101',
    'operation=blur&sigma=NaN',
    'operation=blur&sigma=Infinity',
    'operation=rotate',
    'operation=rotate&angle=45',
    'operation=rotate&angle=360',
    'operation=rotate&angle=-90',
    'operation=resizeCropAuto&width=-1',
    'operation=resizeCropAuto&height=-1',
    'operation=watermark',
    ...['', 'x', '-0.1', '1.1', 'NaN', '1e'].map(opacity => `operation=watermark&${mark.replace('0.5', opacity)}`),
    ...['', 'top', 'left-top', 'middle-left', 'top-left-', 'TOP-left'].map(
      position => `operation=watermark&${mark.replace('top-left', position)}`,
    ),
    ...[
      '',
      'b.png',
      '/etc/passwd',
      'file:///etc/passwd',
      'ftp://a/b',
      'data:,x',
      '//a/b',
      'http://',
      'http://u:p@a/b',
    ].map(image => `operation=watermark&${mark.replace('http://a/b.png', image)}`),
    `operation=watermark&${mark.replace('b.png', 'b'.repeat(2048))}`,
    'quality=0',
    'quality=101',
    'quality=',
    'quality=high',
    'format=',
    'format=bmp',
    'format=svg',
    'format=JPEG',
  ])('%s is refused', text => {
    expect(() => set(text)).toThrow(expect.objectContaining({ code: 'invalid_request' }))
  })

  it('asks for nothing when it recognises nothing', () => {
    expect(isEmpty(set('v=2&Width=100'))).toBe(true)
  })

  it('gives a set or a refusal for any text', () => {
    const names = fc.constantFrom(
      'operation',
      'width',
      'height',
      'sigma',
      'angle',
      'quality',
      'format',
      'top',
      'areaWith',
      'image',
      'position',
      'opacity',
    )
    const values = fc.oneof(
      fc.constantFrom('resize', 'crop', 'extract', 'blur', 'rotate', 'watermark', 'resizeCropAuto', '90', '-1'),
      fc.constantFrom('http://a/b', 'file:/a', 'top-left', 'bottom-center', '0.5'),
      fc.string(),
      fc.integer().map(String),
    )
    fc.assert(
      fc.property(fc.array(fc.tuple(names, values)), pairs => {
        try {
          toSteps(set(pairs.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&')), [])
        } catch (error) {
          expect(error).toMatchObject({ code: 'invalid_request' })
        }
      }),
    )
  })
})
