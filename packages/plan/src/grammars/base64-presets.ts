import { MortiseError } from '@mortise/errors'
import type { Grammar } from './grammar.ts'
import { createPresetsGrammar, type PresetsOptions } from './presets.ts'

/** `/small/Y2F0LmpwZw`: mort's `base64_presets` kind, presets whose group `parent` is base64 without padding. */
export function createBase64PresetsGrammar(options: PresetsOptions): Grammar {
  return createPresetsGrammar({ ...options, readParent: decode })
}

/** The standard alphabet of RFC 4648 section 4, and in it UTF-8. Anything else is `invalid_request`. */
function decode(text: string): string {
  // One digit too many holds no byte.
  if (!/^[A-Za-z0-9+/]*$/.test(text) || text.length % 4 === 1) throw bad()
  try {
    return utf8.decode(Buffer.from(text, 'base64'))
  } catch {
    throw bad()
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

const bad = () => new MortiseError('invalid_request', 'parent: expected base64 without padding')
