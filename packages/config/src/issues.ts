import { MortiseError } from '@mortise/errors'

/** A mistake or a warning: where it is, what was expected and what was found. Never holds the value of a secret. */
export type ConfigIssue = { path: string; message: string }

/** Every mistake of a configuration at once: in `issues`, and one on each line of the message. */
export class ConfigError extends MortiseError {
  readonly issues: readonly ConfigIssue[]
  /** What was doubtful besides, as far as the file was understood. */
  readonly warnings: readonly ConfigIssue[]

  constructor(issues: readonly ConfigIssue[], cause?: unknown, warnings: readonly ConfigIssue[] = []) {
    super('invalid_config', issues.map(printIssue).join('\n'), { cause })
    this.issues = issues
    this.warnings = warnings
  }
}

export function printIssue({ path, message }: ConfigIssue): string {
  return path === '' ? message : `${path}: ${message}`
}

/** Names and list positions, from the top of the file. */
export type Path = readonly (string | number)[]

/** `buckets.media.keys[0].accessKey`; names that would be misread are quoted. */
export function printPath(path: Path): string {
  return path.map((part, index) => printPart(part, index === 0)).join('')
}

function printPart(part: string | number, first: boolean): string {
  if (typeof part === 'number') return `[${part}]`
  const name = /^[\p{L}\p{N}_*<>-]+$/u.test(part) ? part : JSON.stringify(part)
  return first ? name : `.${name}`
}
