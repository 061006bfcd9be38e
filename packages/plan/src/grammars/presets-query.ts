import { MortiseError } from '@mortise/errors'
import { type Grammar, warnOfQuery } from './grammar.ts'
import { createPresetMatcher, type PresetsOptions } from './presets.ts'
import { createQueryGrammar } from './query.ts'

/** mort's `presets-query` kind: a preset where one matches and works, the query grammar otherwise. */
export function createPresetsQueryGrammar(options: PresetsOptions & { bucket: string }): Grammar {
  const match = createPresetMatcher(options)
  const query = createQueryGrammar(options)
  return request => {
    try {
      const parsed = match(request)
      if (parsed) {
        warnOfQuery(request, `the path names the preset ${parsed.preset}`)
        return parsed
      }
    } catch (error) {
      if (!(error instanceof MortiseError) || error.code !== 'invalid_request') throw error
      request.warn?.(`the query is read instead of the path: ${error.message}`)
    }
    return query(request)
  }
}
