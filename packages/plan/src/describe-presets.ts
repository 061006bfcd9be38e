import type { Preset, TransformConfig } from '@mortise/config'
import { type ErrorCode, MortiseError } from '@mortise/errors'
import { printStep } from '@mortise/operations'
import { toSet } from './grammars/presets.ts'
import { planOutput } from './output.ts'
import { toPasses } from './passes.ts'
import type { Compat } from './steps.ts'
import type { Output } from './types.ts'

/** What a preset does to an original, in canonical text; or why every request for it is refused. */
export type PresetDescription = { name: string } & (
  | { passes: string[][]; output: Output }
  | { error: { code: ErrorCode; message: string } }
)

/** The presets of a bucket, in the order of the file: for who reads the configuration. */
export function describePresets({ presets, compat }: TransformConfig): PresetDescription[] {
  return Object.entries(presets).map(([name, preset]) => ({ name, ...describe(preset, compat) }))
}

function describe(preset: Preset, compat: Compat) {
  try {
    const sets = [toSet(preset)]
    return { passes: toPasses(sets, compat).map(pass => pass.map(printStep)), output: planOutput(sets, null, compat) }
  } catch (error) {
    if (!(error instanceof MortiseError)) throw error
    return { error: { code: error.code, message: error.message } }
  }
}
