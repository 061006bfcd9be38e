import { type Config, ConfigError, type ConfigIssue, type Loaded, loadConfigFile, printPath } from '@mortise/config'
import { MortiseError } from '@mortise/errors'
import { createPlanner, loadScripts } from '@mortise/plan'
import { isUrl, readPlaceholder } from '../compose/placeholder.ts'
import { lookAround } from '../compose/surroundings.ts'
import { describeFile, type Meaning } from './describe.ts'

/** What is said of a configuration. Nothing in it is a secret. */
export type CheckReport = {
  file: string
  /** Every one of them; a process does not start with any. */
  mistakes: readonly ConfigIssue[]
  /** What works, but not as it may have been meant. */
  warnings: readonly ConfigIssue[]
  /** What is as it should be, and may be news to who comes from mort. */
  notes: readonly ConfigIssue[]
  /** `null` when there are mistakes. */
  meaning: Meaning | null
}

/**
 * Reads a file as a process would at its start, with the files that it names, and opens no connection. Never throws for
 * what is wrong with the file.
 */
export async function checkFile(file: string, env: NodeJS.ProcessEnv): Promise<CheckReport> {
  const report = { file, notes: [], meaning: null }
  let loaded: Loaded
  try {
    loaded = loadConfigFile(file, env)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return { ...report, mistakes: error.issues, warnings: error.warnings }
  }
  const { config } = loaded
  const warnings = [...loaded.warnings, ...(await lookAround(config))]
  const steps = [async () => createPlanner(config, await loadScripts(config)), () => checkPlaceholder(config)]
  const mistakes = (await Promise.all(steps.map(mistakesOf))).flat()
  if (mistakes.length > 0) return { ...report, mistakes, warnings }
  const meaning = describeFile(config)
  return {
    ...{ file, mistakes, meaning, notes: notesOn(config) },
    warnings: [...warnings, ...refusedPresets(meaning, warnings)],
  }
}

/** What a step of a start refuses. Each line of its message is a mistake that begins with its path. */
async function mistakesOf(step: () => Promise<unknown>): Promise<ConfigIssue[]> {
  try {
    await step()
    return []
  } catch (error) {
    if (!(error instanceof MortiseError) || error.code !== 'invalid_config') throw error
    return error.message.split('\n').map(message => ({ path: '', message }))
  }
}

/** One behind a URL is not looked at. */
async function checkPlaceholder({ server: { placeholder } }: Config): Promise<void> {
  if (placeholder !== null && !isUrl(placeholder)) await readPlaceholder(placeholder)
}

function notesOn({ buckets }: Config): ConfigIssue[] {
  return Object.values(buckets).flatMap(({ name, transform, storages }) => {
    if (!transform || transform.mortKeys || transform.resultKey === 'path' || !storages.transform) return []
    const path = printPath(['buckets', name, 'transform', 'resultKey'])
    const message = `${transform.resultKey} is computed in another way than by mort: what mort has stored under such keys is made again; mortKeys finds it`
    return [{ path, message }]
  })
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
