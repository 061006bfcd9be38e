import { readFileSync, statSync } from 'node:fs'
import { ConfigError } from '../issues.ts'

/** Bytes of one script. */
const maxBytes = 256 * 1024

/** The text of the script at an absolute path. Throws {@link ConfigError} with what is wrong. */
export type ScriptReader = (path: string) => string

/** `scriptDir`: what a relative path to a script starts from. */
export type Scripts = { scriptDir: string; readScript: ScriptReader }

/** Reads each script once, when the configuration is read: what was checked is what runs, whatever becomes of the file. */
export function createScriptReader(): ScriptReader {
  const texts = new Map<string, string>()
  return path => {
    const text = texts.get(path) ?? readScript(path)
    texts.set(path, text)
    return text
  }
}

function readScript(path: string): string {
  const refuse = (found: string, cause?: unknown) =>
    new ConfigError([{ path: '', message: `expected a file with JavaScript, found ${found}` }], cause)
  try {
    const stat = statSync(path)
    if (!stat.isFile()) throw refuse(`something else at ${path}`)
    if (stat.size > maxBytes) throw refuse(`more than ${maxBytes} bytes at ${path}`)
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path))
  } catch (error) {
    if (error instanceof ConfigError) throw error
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
    throw refuse(code === 'ENOENT' ? `nothing at ${path}` : `what cannot be read at ${path} (${code})`, error)
  }
}
