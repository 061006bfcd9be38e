import type { Report } from '../report.ts'
import type { Preset } from '../types.ts'
import { filters } from './filters.ts'
import { section } from './section.ts'
import { int, type Output, text } from './setting.ts'

export const preset = section(
  {
    quality: int('1 to 100; JPEG, WebP, AVIF, TIFF.'),
    format: text('jpeg, jpg, png, webp, avif, tiff or gif; empty = that of the original.'),
    filters,
  },
  'A named way to make a derivative.',
)

type PresetSection = Output<typeof preset>

/** mort starts with any values. Some of them it passes over, others make it refuse every request for the preset. */
export function checkPreset({ quality, format, filters }: PresetSection, report: Report): void {
  const ignored = (path: string[], expected: string) => report.warn(path, `expected ${expected}; has no effect`)
  const refused = (path: string[], expected: string) =>
    report.warn(path, `expected ${expected}; every request for this preset is refused`)

  if (quality !== 0 && !within(quality, 1, 100)) ignored(['quality'], `1 to 100, found ${quality}`)
  if (format !== '' && !formats.has(format)) refused(['format'], `one of ${[...formats].join(', ')}`)

  const { blur, crop, rotate, watermark } = filters
  if (rotate && !angles.has(rotate.angle))
    ignored(['filters', 'rotate', 'angle'], `0, 90, 180 or 270, found ${rotate.angle}`)
  if (crop && !gravities.has(crop.gravity)) {
    report.warn(['filters', 'crop', 'gravity'], 'expected center, north, west, east, south or smart; smart is used')
  }
  if (blur && !(blur.sigma > 0 && blur.sigma <= 100)) {
    refused(['filters', 'blur', 'sigma'], `a number above 0 and up to 100, found ${blur.sigma}`)
  }
  if (watermark) {
    const at = (name: string) => ['filters', 'watermark', name]
    if (watermark.image === '') refused(at('image'), 'a URL or a path, found nothing')
    if (!position.test(watermark.position)) refused(at('position'), 'a position such as top-left')
    if (!within(watermark.opacity, 0, 1)) refused(at('opacity'), `0 to 1, found ${watermark.opacity}`)
  }
  for (const name of ['thumbnail', 'crop', 'extract', 'resizeCropAuto'] as const) {
    for (const [side, value] of Object.entries(filters[name] ?? {})) {
      if (typeof value === 'number' && value < 0) refused(['filters', name, side], `0 or more, found ${value}`)
    }
  }
}

export function resolvePreset({ quality, format, filters: { auto_rotate: _, ...filters } }: PresetSection): Preset {
  return { quality, format, filters }
}

const formats = new Set(['jpeg', 'jpg', 'png', 'webp', 'avif', 'tiff', 'gif'])
const angles = new Set([0, 90, 180, 270])
const gravities = new Set(['', 'center', 'north', 'west', 'east', 'south', 'smart'])
const position = /^(?:top|center|bottom)-(?:left|center|right)$/

function within(value: number, low: number, high: number): boolean {
  return value >= low && value <= high
}
