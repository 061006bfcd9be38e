/** A scalar of the file that keeps its source text: what it means is decided by the setting that it is given for. */
export class Scalar {
  readonly text: string
  /** Written without quotes, so it can be a number, a boolean or nothing. */
  readonly plain: boolean

  constructor(text: string, plain: boolean) {
    this.text = text
    this.plain = plain
  }

  /** `~`, `null` or no text at all: the setting is as good as absent. */
  get absent(): boolean {
    return this.plain && nothing.has(this.text)
  }
}

/** The booleans of YAML 1.1. `null` for any other text. */
export function readBool({ text, plain }: Scalar): boolean | null {
  if (!plain) return null
  return truths.has(text) || (falsehoods.has(text) ? false : null)
}

/**
 * A number as the YAML parser of mort reads it: decimal, `0x`, `0b`, octal with a leading 0, `_` between digits.
 * `null` for any other text, for infinity and for what is no number.
 */
export function readFloat({ text, plain }: Scalar): number | null {
  if (!plain || !/^[-+.0-9]/.test(text)) return null
  const digits = text.replaceAll('_', '').toLowerCase()
  const value = readInteger(digits) ?? (decimal.test(digits) ? Number(digits) : null)
  return value !== null && Number.isFinite(value) ? value : null
}

/** As {@link readFloat}, without what is behind the point; `null` as well for what a double cannot hold exactly. */
export function readInt(scalar: Scalar): number | null {
  const value = readFloat(scalar)
  if (value === null) return null
  // Adding 0 turns -0, which a truncated -0.5 is, into 0.
  return Number.isSafeInteger(Math.trunc(value)) ? Math.trunc(value) + 0 : null
}

/** What was found, for a message. Not for what could be a secret. */
export function printScalar(scalar: Scalar): string {
  if (scalar.absent) return 'nothing'
  const text = scalar.text.length > 60 ? `${scalar.text.slice(0, 60)}…` : scalar.text
  if (!scalar.plain) return `the text ${JSON.stringify(text)}`
  return readFloat(scalar) === null && readBool(scalar) === null ? JSON.stringify(text) : text
}

const nothing = new Set(['', '~', 'null', 'Null', 'NULL'])
const truths = new Set(['y', 'Y', 'yes', 'Yes', 'YES', 'true', 'True', 'TRUE', 'on', 'On', 'ON'])
const falsehoods = new Set(['n', 'N', 'no', 'No', 'NO', 'false', 'False', 'FALSE', 'off', 'Off', 'OFF'])
const decimal = /^[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:e[-+]?\d+)?$/

const bases: [pattern: RegExp, base: string][] = [
  [/^([-+]?)0x([\da-f]+)$/, '0x'],
  [/^([-+]?)0b([01]+)$/, '0b'],
  [/^([-+]?)0o?([0-7]+)$/, '0o'],
]

function readInteger(digits: string): number | null {
  for (const [pattern, base] of bases) {
    const [, sign, value] = pattern.exec(digits) ?? []
    if (value !== undefined) return Number(base + value) * (sign === '-' ? -1 : 1)
  }
  return null
}
