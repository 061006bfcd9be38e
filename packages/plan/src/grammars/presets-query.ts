import { MortiseError } from '@mortise/errors'
import type { Grammar } from './grammar.ts'
import { createPresetsGrammar, type PresetsOptions } from './presets.ts'
import { createQueryGrammar } from './query.ts'

/** mort's `presets-query` kind: a preset where one matches and works, the query grammar otherwise. */
export function createPresetsQueryGrammar(options: PresetsOptions & { bucket: string }): Grammar {
  const presets = createPresetsGrammar(options)
  const query = createQueryGrammar(options)
  return request => {
    try {
      const parsed = presets(request)
      if (parsed) return parsed
    } catch (error) {
      if (!(error instanceof MortiseError) || error.code !== 'invalid_request') throw error
    }
    return query(request)
  }
}
