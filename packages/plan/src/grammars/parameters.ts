export type ParameterDescription = {
  name: string
  /** The operations that read it; empty when it is read in any case. */
  operations: readonly string[]
  description: string
  /** A query that has it, and the plan that this gives: its passes as canonical text, and what is written. */
  example: { query: string; plan: string }
}

/** What the kinds `query` and `presets-query` read, for the reference. */
export function describeParameters(): readonly ParameterDescription[] {
  return parameters
}

/** Which operations read a parameter; empty for those that are read in any case, absent for all other names. */
export function readersOf(name: string): readonly string[] | undefined {
  return readers.get(name)
}

const sized = ['resize', 'crop', 'resizeCropAuto']
const mark = 'operation=watermark&image=https://example.org/mark.png&position=bottom-right&opacity=0.5'
const marked = 'watermark("https://example.org/mark.png" at 2,2 0.5) | original'
const area = 'operation=extract&areaWith=200&areaHeight=100&left=40&top=30'
const cutOut = 'extract(200x100 at 40,30) | original'

const parameters: readonly ParameterDescription[] = [
  {
    name: 'width',
    operations: sized,
    description: 'px. Without `operation`: resize, at least 1. With `height` the aspect ratio is given up.',
    example: { query: 'width=300', plan: 'resize(300x0 enlarge) | original' },
  },
  {
    name: 'height',
    operations: sized,
    description:
      'px, as `width`. In `resizeCropAuto` both say what is cut out, around the middle and somewhat above it.',
    example: { query: 'operation=resizeCropAuto&width=300&height=200', plan: 'resizeCropAuto(300x200) | original' },
  },
  {
    name: 'operation',
    operations: [],
    description:
      'resize, crop, resizeCropAuto, extract, watermark, blur or rotate; may be repeated, all of them share the other ' +
      'parameters.',
    example: {
      query: 'operation=resize&operation=blur&width=300&sigma=2',
      plan: 'resize(300x0 enlarge) blur(2) | original',
    },
  },
  {
    name: 'gravity',
    operations: ['crop'],
    description: 'center, north, west, east or south; anything else is smart.',
    example: { query: 'operation=crop&width=300&height=300&gravity=north', plan: 'crop(300x300 north) | original' },
  },
  {
    name: 'embed',
    operations: ['crop'],
    description: 'Accepted; has no effect, as in mort.',
    example: { query: 'operation=crop&width=300&embed=1', plan: 'crop(300x0 smart) | original' },
  },
  {
    name: 'areaWith',
    operations: ['extract'],
    description: 'px; 0 or absent is all of it. As mort spells it.',
    example: { query: area, plan: cutOut },
  },
  {
    name: 'areaWidth',
    operations: ['extract'],
    description: 'The same.',
    example: { query: area.replace('With', 'Width'), plan: cutOut },
  },
  {
    name: 'areaHeight',
    operations: ['extract'],
    description: 'px; 0 or absent is all of it.',
    example: { query: area, plan: cutOut },
  },
  { name: 'left', operations: ['extract'], description: 'px.', example: { query: area, plan: cutOut } },
  { name: 'top', operations: ['extract'], description: 'px.', example: { query: area, plan: cutOut } },
  {
    name: 'image',
    operations: ['watermark'],
    description: 'URL of http or https. Only a preset can name a local file, by its path.',
    example: { query: mark, plan: marked },
  },
  {
    name: 'position',
    operations: ['watermark'],
    description:
      'top, center or bottom, a hyphen, left, center or right: where its top left corner is, in thirds of the image.',
    example: { query: mark, plan: marked },
  },
  {
    name: 'opacity',
    operations: ['watermark'],
    description: '0 to 1; 0 is opaque, as in mort.',
    example: { query: mark, plan: marked },
  },
  {
    name: 'sigma',
    operations: ['blur'],
    description: 'px, above 0, at most 100.',
    example: { query: 'operation=blur&sigma=2.5', plan: 'blur(2.5) | original' },
  },
  {
    name: 'minAmpl',
    operations: ['blur'],
    description: '0.001 to 1; others have no effect.',
    example: { query: 'operation=blur&sigma=2.5&minAmpl=0.1', plan: 'blur(2.5 0.1) | original' },
  },
  {
    name: 'angle',
    operations: ['rotate'],
    description: '0, 90, 180 or 270 degrees clockwise.',
    example: { query: 'operation=rotate&angle=90', plan: 'rotate(90) | original' },
  },
  {
    name: 'quality',
    operations: [],
    description: '1 to 100; JPEG, WebP, AVIF.',
    example: { query: 'width=300&quality=60', plan: 'resize(300x0 enlarge) | original 60' },
  },
  {
    name: 'format',
    operations: [],
    description: 'jpeg, jpg, png, webp, avif, tiff or gif. An SVG needs one: it is read, not written.',
    example: { query: 'format=webp', plan: ' | webp' },
  },
  {
    name: 'grayscale',
    operations: [],
    description: 'Its presence is enough.',
    example: { query: 'grayscale', plan: 'grayscale() | original' },
  },
]

const readers = new Map(parameters.map(({ name, operations }) => [name, operations]))
