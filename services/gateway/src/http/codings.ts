import type { CompressConfig } from '@mortise/config'
import { LRUCache } from 'lru-cache'
import Negotiator from 'negotiator'
import { namesTag, type RequestFields } from './conditional.ts'
import type { Fields } from './fields.ts'

/** Content codings in mort's order: the first that a client accepts is sent, however it weighs them. */
const order = ['br', 'zstd', 'gzip'] as const
export type Coding = (typeof order)[number]

/** What a client's `Accept-Encoding` comes to. Equal ones are one object. */
export type AcceptedCodings = {
  /** In the order above. */
  codings: readonly Coding[]
  /** Distinguishes cached variants; empty when nothing is compressed for this client. */
  variant: string
}

export type Codings = {
  /** Reads `Accept-Encoding` (RFC 9110 section 12.5.3): `*` and `q=0` count, other weights do not, as in mort. */
  accepted(field: string | undefined): AcceptedCodings
  /** The codings that a representation may be sent in, whoever asks. `size`: its bytes. */
  offered(fields: Fields, size: number): readonly Coding[]
}

/** Smaller ones gain nothing; the same floor as in mort. */
const minBytes = 1000

/** There are few different headers, and whoever invents more gets no more than this. */
const maxHeaders = 256

const none: AcceptedCodings = { codings: [], variant: '' }

export const noCodings: Codings = { accepted: () => none, offered: () => none.codings }

/** As in mort a coding is for the content types that contain one of its `types`; what is coded already stays so. */
export function createCodings(config: CompressConfig | null): Codings {
  if (!config) return noCodings
  const rules = { br: config.brotli, zstd: config.zstd, gzip: config.gzip }
  const configured = order.flatMap(coding => {
    const types = rules[coding]?.types.map(type => type.toLowerCase())
    return types ? [{ coding, types }] : []
  })
  const names = configured.map(({ coding }) => coding)
  const known = new LRUCache<string, AcceptedCodings>({ max: maxHeaders })
  return {
    accepted(field) {
      if (!field) return none
      const cached = known.get(field)
      if (cached) return cached
      const accepted = new Negotiator({ headers: { 'accept-encoding': field } }).encodings(names)
      const codings = names.filter(name => accepted.includes(name))
      const read = codings.length === 0 ? none : { codings, variant: codings.join(' ') }
      known.set(field, read)
      return read
    },
    offered(fields, size) {
      const type = fields['content-type']?.toLowerCase()
      if (type === undefined || size < minBytes || 'content-encoding' in fields) return none.codings
      return configured.filter(({ types }) => types.some(part => type.includes(part))).map(({ coding }) => coding)
    },
  }
}

/**
 * The coding of the representation that a request is about; `null`: as it is stored, which ranges are always of. A
 * client that names the tag of another one that it accepts has that one, and is asked to keep it.
 */
export function selectCoding(usable: readonly Coding[], etag: string, fields: RequestFields): Coding | null {
  const [best] = usable
  if (best === undefined || fields.range !== undefined) return null
  const asked = fields['if-none-match'] ?? fields['if-match']
  if (asked === undefined) return best
  const named = usable.find(coding => namesTag(String(asked), codedTag(etag, coding)))
  return named ?? (namesTag(String(asked), etag) ? null : best)
}

/** Other bytes need another tag (RFC 9110 section 8.8.3.3). */
export function codedTag(etag: string, coding: Coding): string {
  if (etag === '') return ''
  return etag.endsWith('"') ? `${etag.slice(0, -1)}-${coding}"` : `${etag}-${coding}`
}
