import type { Report } from '../report.ts'
import type { CompressConfig, Encoding, ServerConfig } from '../types.ts'
import { list, optionalSection, section } from './section.ts'
import { int, type Output, presence, text } from './setting.ts'

const encoding = (name: string) =>
  optionalSection(
    {
      types: list(text('A type.'), 'Content types; `text/html` when there are none.'),
      level: int('How hard to try.', { default: 4 }),
    },
    `Compress with ${name}.`,
    { strict: true },
  )

export const plugins = section(
  {
    webp: presence('Answer with WebP when the client accepts it.'),
    avif: presence('Ours. Answer with AVIF when the client accepts it; next to webp, with the one that it prefers.'),
    compress: optionalSection(
      { gzip: encoding('gzip'), brotli: encoding('Brotli'), zstd: encoding('Zstandard') },
      'Compress responses.',
      { strict: true },
    ),
  },
  'Plugins of mort.',
  { closed: true },
)

/** What the encoders know; for Zstandard, what its own command does. */
const levels = { gzip: [-2, 9], brotli: [0, 11], zstd: [1, 22] } as const

export function checkPlugins({ compress }: Output<typeof plugins>, report: Report): void {
  for (const name of ['gzip', 'brotli', 'zstd'] as const) {
    const [least, most] = levels[name]
    const level = compress?.[name]?.level ?? least
    if (level < least || level > most) {
      const used = name === 'zstd' && level < least ? 'the default' : 'the nearest'
      report.warn(['compress', name, 'level'], `expected ${least} to ${most}, found ${level}; ${used} is used`)
    }
  }
}

export function resolvePlugins({ webp, avif, compress }: Output<typeof plugins>): ServerConfig['plugins'] {
  return { webp, avif, compress: compress && resolveCompress(compress) }
}

function resolveCompress({ gzip, brotli, zstd }: Record<keyof CompressConfig, Encoding | null>): CompressConfig {
  const complete = (found: Encoding | null) =>
    found && { types: found.types.length > 0 ? found.types : ['text/html'], level: found.level }
  return { gzip: complete(gzip), brotli: complete(brotli), zstd: complete(zstd) }
}
