import type { TransformKind } from '@mortise/config'

export type GrammarDescription = {
  kind: TransformKind
  description: string
  /** The `transform` section, in YAML, that the examples are read with, in a bucket named `media`. */
  transform: string
  examples: GrammarExample[]
}

export type GrammarExample = {
  url: string
  means: string
  /** The passes, as canonical text, and what is written. */
  plan: string
}

/** Every grammar, for the reference. */
export function describeGrammars(): GrammarDescription[] {
  return descriptions
}

const preset =
  'presets: {small: {quality: 80, filters: {thumbnail: {width: 320}}}, ' +
  'marked: {filters: {watermark: {image: /srv/mark.png, position: top-left}}}}'
const byName = 'path: "^/(?P<presetName>[a-z]+)/(?P<parent>.+)$"'

const descriptions: GrammarDescription[] = [
  {
    kind: 'query',
    description: 'Parameters say what is done; the path is that of the original.',
    transform: 'kind: query',
    examples: [
      {
        url: '/media/cat.jpg?width=300&format=webp',
        means: '300 px wide, as WebP',
        plan: 'resize(300x0 enlarge) | webp',
      },
      {
        url: '/media/cat.jpg?operation=crop&width=300&height=300&gravity=north&quality=60',
        means: 'cut to a square from the top',
        plan: 'crop(300x300 north) | original 60',
      },
      {
        url: '/media/cat.jpg?operation=resizeCropAuto&width=300&height=200',
        means: '300 x 200 px from the middle, a little above it',
        plan: 'resizeCropAuto(300x200) | original',
      },
      {
        url: '/media/cat.jpg?operation=watermark&image=https://example.org/mark.png&position=bottom-right&opacity=0.5',
        means: 'mark.png laid over it, half transparent, at two thirds of its width and height',
        plan: 'watermark("https://example.org/mark.png" at 2,2 0.5) | original',
      },
      { url: '/media/cat.jpg?v=2', means: 'the original: nothing is asked for', plan: 'original' },
    ],
  },
  {
    kind: 'presets',
    description: 'A preset in the path, nothing else; an unknown preset is 400.',
    transform: `kind: presets\n${byName}\nparentBucket: media\n${preset}`,
    examples: [
      {
        url: '/media/small/cat.jpg?width=9',
        means: 'the preset small; the query is ignored',
        plan: 'resize(320x0 enlarge) | original 80',
      },
      {
        url: '/media/marked/small/cat.jpg',
        means: 'the preset marked, whose watermark is a local file, of the preset small',
        plan: 'resize(320x0 enlarge) / watermark("file:/srv/mark.png" at 0,0 1) | original 80',
      },
    ],
  },
  {
    kind: 'presets-query',
    description: 'A preset where the path names one, parameters otherwise.',
    transform: `kind: presets-query\n${byName}\nparentBucket: media\n${preset}`,
    examples: [
      { url: '/media/small/cat.jpg', means: 'the preset small', plan: 'resize(320x0 enlarge) | original 80' },
      { url: '/media/cat.jpg?height=50', means: '50 px high', plan: 'resize(0x50 enlarge) | original' },
    ],
  },
  {
    kind: 'base64_presets',
    description: 'As presets; the parent is base64 (standard alphabet, no padding).',
    transform: `kind: base64_presets\n${byName}\nparentBucket: originals\n${preset}`,
    examples: [
      {
        url: '/media/small/Y2F0LmpwZw',
        means: 'the preset small of cat.jpg',
        plan: 'resize(320x0 enlarge) | original 80',
      },
    ],
  },
  {
    kind: 'cloudinary',
    description: 'Components of `name_value` tokens, run from left to right; the parent follows.',
    transform: 'kind: cloudinary\npath: "^/(?P<transformations>[^/]*)/(?P<parent>.+)$"\nparentBucket: originals',
    examples: [
      {
        url: '/media/c_fill,w_200,ar_1:1,g_auto/cat.jpg',
        means: 'a square of 200 px around what matters',
        plan: 'crop(200x200 smart enlarge) | original',
      },
      {
        url: '/media/c_pad,w_200,h_100,b_black/e_grayscale,q_70/cat.jpg',
        means: 'whole, on black; then grey',
        plan: 'pad(200x100 center #000000ff) / grayscale() | original 70',
      },
      {
        url: '/media/c_limit,w_800,dpr_2/f_auto,q_auto/cat.jpg',
        means: 'at most 1600 px wide, as AVIF or WebP where the client names it in Accept',
        plan: 'resize(1600x0) | original',
      },
    ],
  },
  {
    kind: 'script',
    description: 'A JavaScript module reads the URL: packages/plan/docs/from-tengo-to-script.md.',
    transform: 'kind: script\nscriptPath: width-in-path.js',
    examples: [
      {
        url: '/media/w300/cat.jpg',
        means: 'what the module makes of it: 300 px wide',
        plan: 'resize(300x0 enlarge) | original',
      },
      { url: '/media/cat.jpg', means: 'the original: the module names no parent', plan: 'original' },
    ],
  },
]
