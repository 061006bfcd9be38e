import { closeSync, openSync, readSync } from 'node:fs'
import { decode } from './decode.ts'
import { type Environment, expandEnvironment } from './environment.ts'
import { freeze } from './freeze.ts'
import { ConfigError, type ConfigIssue } from './issues.ts'
import { findNotActedOn } from './not-acted-on.ts'
import { createReport } from './report.ts'
import { checkRoot, resolveRoot } from './schema/root.ts'
import { createScriptReader } from './schema/script.ts'
import type { Tree } from './tree.ts'
import type { Config } from './types.ts'
import { parseYaml } from './yaml.ts'

export type Loaded = {
  config: Config
  /** What works, but not as it may have been meant. */
  warnings: ConfigIssue[]
}

export type LoadOptions = {
  env: Environment
  /** Absolute folder that relative paths in the file start from. mort starts them from its working directory. */
  baseDir: string
}

/**
 * Reads a configuration: variables of the environment, then YAML, then types and defaults, then the rules between
 * settings. Throws {@link ConfigError}, and nothing else, with every mistake at once and the warnings besides.
 */
export function loadConfig(text: string, { env, baseDir }: LoadOptions): Loaded {
  const expansion = expandEnvironment(text, env, maxText)
  if (!expansion) throw tooLong()
  const warnings: ConfigIssue[] = expansion.missing.map(({ name, line }) => ({
    path: `line ${line}`,
    message: `the variable ${JSON.stringify(name.slice(0, 60))} is not set; nothing is put in its place`,
  }))
  try {
    const parsed = parseYaml(expansion.text)
    warnings.push(...parsed.warnings)
    const loaded = loadTree(parsed.tree, { env, baseDir })
    return { config: loaded.config, warnings: [...warnings, ...loaded.warnings] }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    throw new ConfigError(error.issues, error.cause, [...warnings, ...error.warnings])
  }
}

/** As {@link loadConfig}, of a file. Relative paths in it start from `baseDir`. */
export function loadConfigFile(path: string, env: Environment, baseDir: string = process.cwd()): Loaded {
  return loadConfig(readText(path), { env, baseDir })
}

/** The part after YAML. The tree is used up. */
export function loadTree(tree: Tree, { env, baseDir }: LoadOptions): Loaded {
  const options = { env, baseDir, readScript: createScriptReader() }
  const notActedOn = findNotActedOn(tree)
  const { sections, mistakes, unknown } = decode(tree)
  const broken: ConfigIssue[] = []
  const doubtful: ConfigIssue[] = []
  checkRoot(sections, createReport(broken, doubtful), options)
  // A wrong value is not reported again as one that is missing.
  const reported = new Set(mistakes.map(({ path }) => path))
  const further = broken.filter(({ path }) => !isWithin(path, reported))
  const warnings = [...unknown, ...notActedOn, ...doubtful].sort(byPath)
  if (mistakes.length + further.length > 0) {
    throw new ConfigError([...mistakes, ...further].sort(byPath), undefined, warnings)
  }
  return { config: freeze(resolveRoot(sections, options)), warnings }
}

/** Characters, variables put in. */
const maxText = 512 * 1024

function tooLong(): ConfigError {
  return new ConfigError([{ path: '', message: `expected at most ${maxText} characters, variables put in` }])
}

function readText(path: string): string {
  try {
    const file = openSync(path, 'r')
    try {
      return readAll(file)
    } finally {
      closeSync(file)
    }
  } catch (error) {
    if (error instanceof ConfigError) throw error
    const reason = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
    throw new ConfigError([{ path: '', message: `cannot read the configuration ${path} (${reason})` }], error)
  }
}

/** Pipes and devices do not tell their size. */
function readAll(file: number): string {
  // More bytes than this cannot be few enough characters.
  const buffer = Buffer.allocUnsafe(maxText * 3 + 1)
  let length = 0
  for (let read = -1; read !== 0 && length < buffer.length; length += read) {
    read = readSync(file, buffer, { offset: length })
  }
  if (length === buffer.length) throw tooLong()
  return buffer.toString('utf8', 0, length)
}

/** Whether the path, or one that it lies below, is among those. */
function isWithin(path: string, reported: Set<string>): boolean {
  if (reported.has('') || reported.has(path)) return true
  for (const { index } of path.matchAll(/[.[]/g)) if (reported.has(path.slice(0, index))) return true
  return false
}

function byPath(a: ConfigIssue, b: ConfigIssue): number {
  return a.path < b.path ? -1 : a.path > b.path ? 1 : 0
}
