import type { Config } from '@mortise/config'
import { MortiseError } from '@mortise/errors'
import type { ScriptEngine } from './engine.ts'
import { guest } from './guest.ts'

/**
 * The engine for the scripts of a configuration; `null`, and nothing is loaded, when it has none. Each script is run as
 * far as its default export. Throws `invalid_config` with every script that does not get there, one on each line.
 */
export async function loadScripts({ buckets }: Config): Promise<ScriptEngine | null> {
  const scripts = Object.entries(buckets).flatMap(([name, { transform }]) =>
    transform?.script ? [{ name, ...transform.script }] : [],
  )
  if (scripts.length === 0) return null
  const { createScriptEngine } = await import('./engine.ts')
  const engine = await createScriptEngine(guest)
  const mistakes = scripts.flatMap(({ name, path, source }) => {
    const message = findMistake(engine, source)
    return message === null ? [] : [`buckets.${name}.transform.scriptPath: ${path}: ${message}`]
  })
  if (mistakes.length > 0) throw new MortiseError('invalid_config', mistakes.join('\n'))
  return engine
}

/** Asks for nothing but what the module exports. */
function findMistake(engine: ScriptEngine, source: string): string | null {
  try {
    engine.run({ source, input: 'null', match: () => ({}) })
    return null
  } catch (error) {
    return error instanceof MortiseError ? error.message : 'unknown'
  }
}
