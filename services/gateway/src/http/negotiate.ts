import type { Format } from '@mortise/plan'
import { LRUCache } from 'lru-cache'
import Negotiator from 'negotiator'
import type { Codings } from './codings.ts'
import type { RequestFields } from './conditional.ts'

/** What a client's `Accept` comes to: the formats that it names, best first. Equal preferences are one object. */
export type Preference = {
  formats: readonly Format[]
  /** Distinguishes cached variants; empty when nothing is negotiated. */
  variant: string
}

export const noPreference: Preference = { formats: [], variant: '' }

/** There are few different headers, and whoever invents more gets no more than this. */
const maxHeaders = 256

/**
 * Reads `Accept` (RFC 9110 section 12.5.1). Only a type that is named with a quality above zero counts: browsers send
 * wildcards for what they cannot show.
 */
export function createAcceptReader(negotiable: readonly Format[]): (accept: string | undefined) => Preference {
  if (negotiable.length === 0) return () => noPreference
  const types = negotiable.map(format => `image/${format}`)
  const known = new LRUCache<string, Preference>({ max: maxHeaders })
  return accept => {
    if (!accept) return noPreference
    const cached = known.get(accept)
    if (cached) return cached
    const named = new Set(accept.split(',').map(range => range.split(';', 1)[0]?.trim().toLowerCase()))
    const formats = new Negotiator({ headers: { accept } })
      .mediaTypes(types)
      .filter(type => named.has(type))
      .map(type => type.slice('image/'.length) as Format)
    const preference = formats.length === 0 ? noPreference : { formats, variant: formats.join(' ') }
    known.set(accept, preference)
    return preference
  }
}

/** What distinguishes the answers to one target, from all that clients say of themselves; empty when nothing does. */
export function createVariants(preferenceOf: (accept: string | undefined) => Preference, { accepted }: Codings) {
  return (fields: RequestFields): string => {
    const { variant } = preferenceOf(fields.accept as string | undefined)
    const codings = accepted(fields['accept-encoding'] as string | undefined).variant
    return codings === '' ? variant : `${variant} ${codings}`
  }
}
