import { readFileSync, statSync } from 'node:fs'
import { ConfigError } from '../issues.ts'

/** Bytes of one script. */
const maxBytes = 256 * 1024

/** The text of a script, read when the configuration is. Throws {@link ConfigError} with what is wrong. */
export function readScript(path: string): string {
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
