import type { Size } from './sizes.ts'

/** A scene, what is asked of it (a query, or a preset as the configuration has it), and what has to come out. */
export type Row = [name: string, from: string, ask: string, to: Size, picture?: string]
/** The same, with the code of a refusal. */
export type Refusal = [name: string, from: string, ask: string, code: string]

export const mark = 'https://example.org/mark.png'

const thumbnail = (args: string) => `{filters: {thumbnail: {${args}}}}`
const crop = (args: string) => `{filters: {crop: {${args}}}}`
const auto = (width: number, height: number, more = '') =>
  `{filters: {resizeCropAuto: {width: ${width}, height: ${height}}${more}}}`
const watermark = (position: string, more = '') =>
  `{filters: {watermark: {image: "${mark}", position: ${position}, opacity: 0}${more}}}`
const marked = (position: string, opacity: number, more = '') =>
  `?operation=watermark&image=${mark}&position=${position}&opacity=${opacity}${more}`

/** mort's table of resize, row by row, and what goes with it. */
export const resizes: Row[] = [
  ['both sizes are exact', '1000x800.jpg', '?width=150&height=60', [150, 60], 'stretched'],
  ['both sizes are exact in a preset', '1000x800.jpg', thumbnail('width: 150, height: 60'), [150, 60], 'stretched'],
  ['both sizes may be larger', '100x80.png', '?width=150&height=160', [150, 160]],
  ['a width keeps the ratio', '1000x800.jpg', '?width=150', [150, 120], 'smaller'],
  ['a height keeps the ratio', '1000x800.jpg', '?height=120', [150, 120], 'smaller'],
  ['a width may be larger', '100x80.png', '?width=150', [150, 120], 'smaller'],
  ['the other side is rounded', '1000x805.jpg', '?width=150', [150, 121]],
  ['outbound fits inside a wide box', '1000x800.jpg', thumbnail('width: 500, height: 100, mode: outbound'), [125, 100]],
  ['outbound fits inside a high box', '1000x800.jpg', thumbnail('width: 100, height: 500, mode: outbound'), [100, 80]],
  ['outbound enlarges', '100x80.png', thumbnail('width: 300, height: 300, mode: outbound'), [300, 240]],
  ['outbound with one size keeps the ratio', '1000x800.jpg', thumbnail('width: 150, mode: outbound'), [150, 120]],
  [
    'beside a turn both sizes are a box',
    '1000x800.jpg',
    '?operation=resize&operation=rotate&angle=90&width=150&height=150',
    [120, 150],
    'turned-90',
  ],
  [
    'beside a turn nothing is enlarged',
    '100x80.png',
    '?operation=resize&operation=rotate&angle=90&width=300&height=300',
    [80, 100],
  ],
  [
    'beside a turn one side may be larger',
    '100x80.png',
    '?operation=resize&operation=rotate&angle=90&width=60&height=300',
    [60, 75],
  ],
  [
    'keep is the largest inside both',
    '1000x900.jpg',
    thumbnail('width: 600, height: 500, preserveAspectRatio: true'),
    [556, 500],
  ],
  [
    'keep lets the width decide',
    '1600x1000.jpg',
    thumbnail('width: 400, height: 500, preserveAspectRatio: true'),
    [400, 250],
  ],
  [
    'keep lets the height decide',
    '1000x1600.jpg',
    thumbnail('width: 500, height: 400, preserveAspectRatio: true'),
    [250, 400],
  ],
  ['keep enlarges', '100x80.png', thumbnail('width: 500, height: 300, preserveAspectRatio: true'), [375, 300]],
  [
    'keep with one size is as without',
    '1000x800.jpg',
    thumbnail('width: 150, preserveAspectRatio: true'),
    [150, 120],
    'smaller',
  ],
  [
    'fill covers a square exactly',
    '1000x800.jpg',
    thumbnail('width: 120, height: 120, fill: true'),
    [120, 120],
    'filled',
  ],
  ['fill covers a wide box exactly', '1000x800.jpg', thumbnail('width: 333, height: 77, fill: true'), [333, 77]],
  [
    'fill covers more than the image',
    '100x80.png',
    thumbnail('width: 120, height: 120, fill: true'),
    [120, 120],
    'filled',
  ],
  ['fill with one size is as without', '1000x800.jpg', thumbnail('width: 150, fill: true'), [150, 120], 'smaller'],
  ['no sizes change nothing', '150x120.png', thumbnail(''), [150, 120], 'smaller'],
  ['enlarge: false leaves a smaller image alone', '100x80.png', thumbnail('width: 150, enlarge: false'), [100, 80]],
]

/** What mort makes of the same where the configuration asks for its whole quotients. */
export const wholeQuotients: Row[] = [
  [
    'equal quotients: the width decides',
    '1000x900.jpg',
    thumbnail('width: 600, height: 500, preserveAspectRatio: true'),
    [600, 540],
  ],
  [
    'the smaller quotient gives way',
    '1000x1600.jpg',
    thumbnail('width: 500, height: 400, preserveAspectRatio: true'),
    [250, 400],
  ],
  [
    'neither goes in: the width decides',
    '100x80.png',
    thumbnail('width: 500, height: 300, preserveAspectRatio: true'),
    [500, 400],
  ],
]

export const crops: Row[] = [
  ...(['center', 'north', 'south'] as const).map((gravity): Row => {
    return [
      `a wide cut to the ${gravity}`,
      '1000x800.jpg',
      `?operation=crop&width=150&height=60&gravity=${gravity}`,
      [150, 60],
      `cut-${gravity}`,
    ]
  }),
  ...(['center', 'west', 'east'] as const).map((gravity): Row => {
    return [
      `a high cut to the ${gravity}`,
      '1000x800.jpg',
      `?operation=crop&width=60&height=120&gravity=${gravity}`,
      [60, 120],
      `cut-high-${gravity}`,
    ]
  }),
  [
    'a smart cut finds what is there to see',
    '1000x800.jpg',
    '?operation=crop&width=60&height=120&gravity=smart',
    [60, 120],
    'cut-smart',
  ],
  [
    'an unknown gravity is smart',
    '1000x800.jpg',
    '?operation=crop&width=60&height=120&gravity=up',
    [60, 120],
    'cut-smart',
  ],
  ['no gravity is smart', '1000x800.jpg', crop('width: 60, height: 120'), [60, 120], 'cut-smart'],
  [
    'embed changes nothing',
    '1000x800.jpg',
    crop('width: 60, height: 120, gravity: east, embed: true'),
    [60, 120],
    'cut-high-east',
  ],
  ['an image that is smaller on both sides stays', '100x80.png', '?operation=crop&width=300&height=200', [100, 80]],
  ['one that is smaller on one side is enlarged', '400x80.png', '?operation=crop&width=300&height=200', [300, 200]],
  [
    'outbound always covers',
    '100x80.png',
    crop('width: 150, height: 60, gravity: center, mode: outbound'),
    [150, 60],
    'cut-center',
  ],
  [
    'a width alone cuts and does not scale',
    '150x120.png',
    '?operation=crop&width=60&gravity=west',
    [60, 120],
    'cut-high-west',
  ],
  [
    'a height alone cuts and does not scale',
    '150x120.png',
    '?operation=crop&height=60&gravity=north',
    [150, 60],
    'cut-north',
  ],
  ['a size alone cuts nothing off what is smaller', '150x120.png', '?operation=crop&width=300', [150, 120], 'smaller'],
  ['no sizes change nothing', '150x120.png', crop('gravity: north'), [150, 120], 'smaller'],
]

export const extracts: Row[] = [
  ['the area', '300x240.png', '?operation=extract&left=20&top=10&areaWith=150&areaHeight=120', [150, 120], 'area'],
  [
    'the area in a preset',
    '300x240.png',
    '{filters: {extract: {left: 20, top: 10, width: 150, height: 120}}}',
    [150, 120],
    'area',
  ],
  ['the full height without one', '300x240.png', '?operation=extract&left=20&areaWith=150', [150, 240]],
  ['the full width without one', '300x240.png', '?operation=extract&top=10&areaHeight=120', [300, 120]],
  ['nothing without both', '150x120.png', '?operation=extract&left=20&top=10', [150, 120], 'smaller'],
  [
    'after a resize, of the smaller image',
    '600x480.png',
    '?operation=resize&operation=extract&width=300&left=20&top=10&areaWith=150&areaHeight=120',
    [150, 120],
    'area',
  ],
  [
    'beside a crop, not at all',
    '1000x800.jpg',
    '?operation=crop&operation=extract&width=150&height=60&gravity=north&areaWith=10&areaHeight=10',
    [150, 60],
    'cut-north',
  ],
]

export const autoCrops: Row[] = [
  ['whole multiples, a little above the middle', '1000x800.jpg', auto(150, 100), [150, 100], 'auto'],
  ['the full width of a high image', '800x1000.jpg', auto(100, 70), [100, 70], 'auto-high'],
  ['in a query', '1000x800.jpg', '?operation=resizeCropAuto&width=150&height=100', [150, 100], 'auto'],
  ['all of a small image', '100x80.png', auto(150, 100), [150, 100], 'auto-small'],
  ['one size cuts', '150x120.png', auto(60, 0), [60, 120], 'cut-high-center'],
  ['no size changes nothing', '150x120.png', auto(0, 0), [150, 120], 'smaller'],
  [
    'after a turn, of the turned image',
    '1000x800.jpg',
    auto(100, 70, ', rotate: {angle: 90}'),
    [100, 70],
    'auto-turned',
  ],
  [
    'after a watermark, which shrinks with the image',
    '1000x800.jpg',
    auto(150, 100, `, watermark: {image: "${mark}", position: center-center, opacity: 1}`),
    [150, 100],
    'auto-marked',
  ],
]

export const turns: Row[] = [
  ['90 degrees', '150x120.png', '?operation=rotate&angle=90', [120, 150], 'turned-90'],
  ['180 degrees', '150x120.png', '?operation=rotate&angle=180', [150, 120], 'turned-180'],
  ['270 degrees', '150x120.png', '?operation=rotate&angle=270', [120, 150], 'turned-270'],
  ['0 degrees', '150x120.png', '?operation=rotate&angle=0', [150, 120], 'smaller'],
  ['another angle in a preset', '150x120.png', '{filters: {rotate: {angle: 45}, strip: true}}', [150, 120], 'smaller'],
  ['before the ratio is taken', '800x1000.jpg', '?operation=resize&operation=rotate&angle=90&width=200', [200, 160]],
  ['in place of what EXIF asks', '150x120-3.jpg', '?operation=rotate&angle=180', [150, 120], 'smaller'],
  ...[1, 2, 3, 4, 5, 6, 7, 8].flatMap((orientation): Row[] => [
    [`EXIF ${orientation} of a JPEG`, `1000x800-${orientation}.jpg`, '?width=150', [150, 120], 'smaller'],
    [`EXIF ${orientation} of a WebP`, `1000x800-${orientation}.webp`, '?width=150&format=jpeg', [150, 120], 'smaller'],
    [
      `EXIF ${orientation}, covered`,
      `1000x800-${orientation}.jpg`,
      thumbnail('width: 120, height: 120, fill: true'),
      [120, 120],
      'filled',
    ],
    [`EXIF ${orientation}, cut`, `1000x800-${orientation}.jpg`, auto(150, 100), [150, 100], 'auto'],
  ]),
  [
    'EXIF, with the ratio of the upright image',
    '1000x1600-6.jpg',
    thumbnail('width: 500, height: 400, preserveAspectRatio: true'),
    [250, 400],
  ],
]

const gray = '{filters: {grayscale: true}}'
export const looks: Row[] = [
  ['blur', '150x120.png', '?operation=blur&sigma=8', [150, 120], 'blurred'],
  [
    'blur with the least amplitude that counts',
    '150x120.png',
    '{filters: {blur: {sigma: 8, minAmpl: 0.001}}}',
    [150, 120],
    'blurred',
  ],
  ['blur with one that does not', '150x120.png', '?operation=blur&sigma=8&minAmpl=7', [150, 120], 'blurred'],
  ['blur after a resize', '1000x800.jpg', '?operation=resize&operation=blur&width=150&sigma=8', [150, 120], 'blurred'],
  ['grey', '150x120.png', '?grayscale', [150, 120], 'grey'],
  ['grey, whatever its value', '150x120.png', '?grayscale=0', [150, 120], 'grey'],
  ['grey in a preset', '150x120.png', gray, [150, 120], 'grey'],
  ['grey with its alpha', '150x120-alpha.png', gray, [150, 120], 'grey-alpha'],
  ['on black where JPEG has no alpha', '150x120-alpha.png', '?format=jpeg', [150, 120], 'on-black'],
]

export const watermarks: Row[] = [
  ...(['top-left', 'top-center', 'top-right', 'center-left', 'center-center', 'center-right'] as const).map(
    (position): Row => [position, '180x120.png', watermark(position), [180, 120], `mark-${position}`],
  ),
  ...(['bottom-left', 'bottom-center', 'bottom-right'] as const).map(
    (position): Row => [position, '180x120.png', marked(position, 1), [180, 120], `mark-${position}`],
  ),
  ['an opacity of 0 is all of it', '180x120.png', marked('center-left', 0), [180, 120], 'mark-center-left'],
  ['half', '180x120.png', marked('center-left', 0.5), [180, 120], 'mark-half'],
  ['on what is transparent', '180x120-alpha.png', marked('center-left', 1), [180, 120], 'mark-on-alpha'],
  [
    'after a resize, in its own size',
    '900x600.jpg',
    marked('bottom-center', 1, '&operation=resize&width=180'),
    [180, 120],
    'mark-bottom-center',
  ],
  [
    'after a turn, upright',
    '120x180.png',
    marked('center-center', 1, '&operation=rotate&angle=90'),
    [180, 120],
    'mark-turned',
  ],
  ['cut off at the edge', '90x60.png', watermark('bottom-right'), [90, 60], 'mark-cut'],
  [
    'sharp on what is blurred',
    '180x120.png',
    marked('center-center', 1, '&operation=blur&sigma=8'),
    [180, 120],
    'mark-blur',
  ],
  ['grey with the image', '180x120.png', marked('center-center', 1, '&grayscale=1'), [180, 120], 'mark-grey'],
]

/** Where the configuration asks for mort's places: the word for the row says both. */
export const oldPlaces: Row[] = [
  ['top-right is at the left', '180x120.png', watermark('top-right'), [180, 120], 'mark-top-left'],
  ['center-left is at the centre', '180x120.png', watermark('center-left'), [180, 120], 'mark-center-center'],
  ['bottom-center is at the left', '180x120.png', watermark('bottom-center'), [180, 120], 'mark-bottom-left'],
]

export const refusals: Refusal[] = [
  ['an area to the right', '100x80.png', '?operation=extract&left=51&areaWith=50', 'invalid_request'],
  ['an area below', '100x80.png', '?operation=extract&top=41&areaHeight=40', 'invalid_request'],
  [
    'an area that is only inside before EXIF turned the image',
    '100x80-6.jpg',
    '?operation=extract&areaWith=80&areaHeight=100',
    'invalid_request',
  ],
  ['a side that no JPEG has', '100x80.jpg', '?width=65536', 'limit_exceeded'],
  ['a side that no WebP has', '100x80.png', '?width=16384&height=1&format=webp', 'limit_exceeded'],
]
