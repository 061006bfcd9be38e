import { ConfigError, type ConfigIssue, type Loaded, loadConfigFile, printPath } from '@mortise/config'
import { MortiseError } from '@mortise/errors'
import { createPlanner, loadScripts } from '@mortise/plan'
import { describeFile, type Meaning } from './describe.ts'

/** What is said of a configuration. Nothing in it is a secret. */
export type CheckReport = {
  file: string
  /** Every one of them; a process does not start with any. */
  mistakes: readonly ConfigIssue[]
  /** What works, but not as it may have been meant. */
  warnings: readonly ConfigIssue[]
  /** `null` when there are mistakes. */
  meaning: Meaning | null
}

/**
 * Reads a file as a process would at its start, scripts included, and opens no connection. Never throws for what is
 * wrong with the file.
 */
export async function checkFile(file: string, env: NodeJS.ProcessEnv): Promise<CheckReport> {
  let loaded: Loaded | undefined
  try {
    loaded = loadConfigFile(file, env)
    const { config, warnings } = loaded
    createPlanner(config, await loadScripts(config))
    const meaning = describeFile(config)
    return { file, mistakes: [], warnings: [...warnings, ...refusedPresets(meaning, warnings)], meaning }
  } catch (error) {
    if (!(error instanceof MortiseError) || error.code !== 'invalid_config') throw error
    if (error instanceof ConfigError) {
      return { file, mistakes: error.issues, warnings: error.warnings, meaning: null }
    }
    // Each line is a mistake that begins with its path.
    const mistakes = error.message.split('\n').map(message => ({ path: '', message }))
    return { file, mistakes, warnings: loaded?.warnings ?? [], meaning: null }
  }
}

/** Those that only the planner refuses; what is wrong with the others has been said more exactly. */
function refusedPresets(meaning: Meaning, warnings: readonly ConfigIssue[]): ConfigIssue[] {
  return meaning.buckets.flatMap(({ name: bucket, presets }) =>
    presets.flatMap(preset => {
      if (!('error' in preset)) return []
      const path = printPath(['buckets', bucket, 'transform', 'presets', preset.name])
      if (warnings.some(warning => warning.path.startsWith(`${path}.`))) return []
      return [{ path, message: `every request for this preset is refused: ${preset.error.message}` }]
    }),
  )
}
