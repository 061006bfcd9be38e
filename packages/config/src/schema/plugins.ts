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

export function resolvePlugins({ webp, avif, compress }: Output<typeof plugins>): ServerConfig['plugins'] {
  return { webp, avif, compress: compress && resolveCompress(compress) }
}

function resolveCompress({ gzip, brotli, zstd }: Record<keyof CompressConfig, Encoding | null>): CompressConfig {
  const complete = (found: Encoding | null) =>
    found && { types: found.types.length > 0 ? found.types : ['text/html'], level: found.level }
  return { gzip: complete(gzip), brotli: complete(brotli), zstd: complete(zstd) }
}
