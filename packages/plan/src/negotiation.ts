import type { Config } from '@mortise/config'
import type { Format } from '@mortise/operations'
import { newestFormat } from './output.ts'
import type { TransformSet } from './transform-set.ts'

/** Which formats `Accept` can lead to. */
export type Negotiation = {
  /** For some derivative of this configuration. */
  formats: readonly Format[]
  /**
   * For the derivative that these sets describe; none, and `Accept` changes nothing. `keepFormat`: a format that one of
   * them names is not replaced.
   */
  formatsFor(sets: readonly TransformSet[], keepFormat: boolean): readonly Format[]
}

/** Plugins offer their formats for every derivative; where a URL asks for `auto`, WebP is offered in any case. */
export function createNegotiation({ server, buckets }: Config): Negotiation {
  const { avif, webp } = server.plugins
  const offered = (name: Format, is: boolean): Format[] => (is ? [name] : [])
  const always = [...offered('avif', avif), ...offered('webp', webp)]
  const auto = [...offered('avif', avif), 'webp' as const]
  const asks = Object.values(buckets).some(({ transform }) => transform?.kind === 'cloudinary')
  return {
    formats: asks ? auto : always,
    formatsFor(sets, keepFormat) {
      const named = newestFormat(sets)
      if (named === 'auto') return auto
      return named !== null && keepFormat ? [] : always
    },
  }
}
