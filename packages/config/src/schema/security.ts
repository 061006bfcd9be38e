import { BlockList, isIP } from 'node:net'
import { list, section } from './section.ts'
import { bool, choice, int, parsed } from './setting.ts'

const MiB = 1024 * 1024

/** Ours. What a stranger may make the service do. */
export const security = section(
  {
    fetch: section(
      {
        networks: list(
          parsed('A network.', readNetwork, { expected: 'an address or a network (10.0.0.0/8)', fallback: '' }),
          'Private addresses and networks (CIDR) that watermarks may be fetched from all the same.',
        ),
        bytes: int('Bytes of one answer.', { default: 16 * MiB, min: 1 }),
        timeout: int('Seconds for one answer, redirects included.', { default: 10, min: 1, max: 300 }),
        redirects: int('Redirects that are followed.', { default: 3, min: 0, max: 10 }),
      },
      'What is fetched because a URL or a preset names it: watermarks.',
    ),
    svg: choice(
      ['allow', 'originals', 'refuse'],
      'SVG: `allow` as originals and as the watermarks of presets; `originals` as originals only. Never as a watermark that a URL names.',
      'allow',
    ),
    debugHeaders: bool('Answer `X-Mort-Debug` with keys, storages and the reason of an error, as mort does.', true),
    anyRegion: bool('S3 signatures may name any region, not only `mort`.'),
  },
  'What a stranger may make the service do.',
)

/** The text, if it is an address or a network in CIDR notation (RFC 4632). */
function readNetwork(text: string): string | null {
  const [address = '', bits, ...rest] = text.split('/')
  const version = isIP(address)
  if (version === 0 || rest.length > 0) return null
  if (bits === undefined) return text
  if (!/^\d{1,3}$/.test(bits)) return null
  try {
    new BlockList().addSubnet(address, Number(bits), version === 4 ? 'ipv4' : 'ipv6')
    return text
  } catch {
    return null
  }
}
