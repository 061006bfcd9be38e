import type { Config } from '@mortise/config'
import { MortiseError } from '@mortise/errors'
import { operationOf } from '@mortise/operations'
import { toSet } from './grammars/presets.ts'
import { toSteps } from './steps.ts'

/** The images that presets lay over others, by the name in the step. No URL of a client adds to them. */
export function presetWatermarks({ buckets }: Config): ReadonlySet<string> {
  const presets = Object.values(buckets).flatMap(({ transform }) => Object.values(transform?.presets ?? {}))
  const names = presets.flatMap(preset => {
    try {
      return toSteps(toSet(preset), []).map(step => operationOf(step).overlay?.(step))
    } catch (error) {
      // Every request for it is refused.
      if (error instanceof MortiseError) return []
      throw error
    }
  })
  return new Set(names.filter(name => name !== undefined))
}
