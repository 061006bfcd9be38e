import type { Report } from '../report.ts'
import { negotiatedFormats, type PregenerateConfig } from '../types.ts'
import { invertPath } from './preset-keys.ts'
import { list, optionalSection } from './section.ts'
import { choice, type Output, text } from './setting.ts'
import { namesPresets, presetKinds, type transform } from './transform.ts'

export const pregenerate = optionalSection(
  {
    presets: list(text('The name of a preset.'), 'Presets of this bucket that are made of every original.'),
    formats: list(
      choice(negotiatedFormats, 'A format.', negotiatedFormats[0]),
      'Formats of which clients that accept them get theirs ahead as well, besides the one for all others.',
    ),
  },
  'Ours. Derivatives that are made when an original is written, before anybody asks.',
)

export type Plugins = { avif: boolean; webp: boolean }

type PregenerateSection = NonNullable<Output<typeof pregenerate>>

/** As far as it matters here. */
type Bucket = {
  storages: Record<string, { kind: string }>
  transform: Output<typeof transform>
  pregenerate: Output<typeof pregenerate>
}

export function checkPregenerate({ storages, transform, pregenerate }: Bucket, report: Report, plugins: Plugins): void {
  if (!pregenerate) return
  const { presets, formats } = pregenerate
  if (!transform || !namesPresets(transform.kind)) {
    const found = transform ? `the kind ${transform.kind}` : 'none'
    report.mistake([], `expected a transform of the kind ${presetKinds.join(', ')}, found ${found}`)
    return
  }
  if (presets.length === 0) report.mistake(['presets'], 'expected the name of at least one preset, found nothing')
  for (const name of formats.filter(format => !plugins[format])) {
    report.mistake(
      ['formats', formats.indexOf(name)],
      `expected server.plugins.${name} to be there, without which nobody gets ${name} for accepting it`,
    )
  }
  const transformed = storages.transform?.kind
  if (transformed === undefined) report.mistake([], 'expected storages.transform, which keeps what is made')
  else if (transformed === 'noop') report.warn([], 'storages.transform keeps nothing of what is made')
  checkNames(pregenerate, transform, report)
}

function checkNames(
  { presets }: PregenerateSection,
  transform: NonNullable<Bucket['transform']>,
  report: Report,
): void {
  const keys = invertible(transform.path)
  presets.forEach((name, index) => {
    if (!Object.hasOwn(transform.presets, name)) {
      report.mistake(['presets', index], `expected the name of a preset of this bucket, found ${JSON.stringify(name)}`)
    } else if (presets.indexOf(name) < index) {
      report.mistake(['presets', index], `expected each preset once, found ${name} again`)
    } else if (keys && !keys.presetName.matcher(name).matches()) {
      report.mistake(['presets', index], `expected a preset that transform.path can name, found ${name}`)
    }
  })
  if (keys) return
  report.mistake(
    [],
    'expected a transform.path that says how a URL names a preset: nothing but plain text beside the groups presetName and parent',
  )
}

/** What is no regexp has been reported, and everything matches. */
function invertible(path: string) {
  try {
    return invertPath(path)
  } catch {
    return null
  }
}

/** Of one original, by all buckets that read it. A batch takes no more. */
const maxPlans = 64

export function checkPregenerated(buckets: Record<string, Bucket>, report: Report): void {
  for (const original in buckets) {
    const readers = Object.keys(buckets).filter(name => {
      const parent = buckets[name]?.transform?.parentBucket
      return buckets[name]?.pregenerate && (parent === original || parent === '')
    })
    const counts = readers.map(name => countOf(buckets[name]?.pregenerate))
    const plans = counts.reduce((sum, count) => sum + count, 0)
    if (plans <= maxPlans) continue
    const of = readers.length > 1 ? ` by the buckets ${readers.join(', ')}` : ''
    const found = `found ${plans} for those of ${original}${of}`
    for (const name of readers) {
      report.mistake([name, 'pregenerate'], `expected at most ${maxPlans} derivatives of one original, ${found}`)
    }
  }
}

function countOf(pregenerate: Bucket['pregenerate'] | undefined): number {
  return (pregenerate?.presets.length ?? 0) * (1 + new Set(pregenerate?.formats).size)
}

export function resolvePregenerate({ presets, formats }: PregenerateSection): PregenerateConfig {
  return { presets, formats: [...new Set(formats)] }
}
