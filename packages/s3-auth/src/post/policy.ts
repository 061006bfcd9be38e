import { parseIso } from '../dates.ts'
import { S3Refusal } from '../refusal.ts'

export type Policy = {
  expiresAt: number
  conditions: Condition[]
  /** All of its `content-length-range` at once. */
  sizeRange?: { min: number; max: number }
}

export type Condition = { match: 'eq' | 'starts-with'; field: string; value: string }

/** Amazon's limit on a form without its file. */
const maxPolicyBytes = 20 * 1024

/** Reads the base64 of a policy document. Throws `InvalidPolicyDocument`. */
export function parsePolicy(base64: string): Policy {
  if (base64.length > (maxPolicyBytes * 4) / 3) throw invalid('it is too long')
  const { expiration, conditions } = readObject(parseJson(Buffer.from(base64, 'base64').toString('utf8')))
  const expiresAt = typeof expiration === 'string' ? parseIso(expiration) : null
  if (expiresAt === null) throw invalid('its expiration is not like 2013-05-24T00:00:00.000Z')
  if (!Array.isArray(conditions)) throw invalid('its conditions are no list')

  const policy: Policy = { expiresAt, conditions: [] }
  for (const condition of conditions) {
    if (!Array.isArray(condition)) policy.conditions.push(...exactMatches(readObject(condition)))
    else if (lowerCase(condition[0]) === 'content-length-range') policy.sizeRange = narrow(policy.sizeRange, condition)
    else policy.conditions.push(readMatch(condition))
  }
  return policy
}

/**
 * Checks the fields of a form, by lower-case name. Every field needs a condition, but for those that carry the proof and
 * those that begin with `x-ignore-`. Throws `AccessDenied`.
 */
export function checkConditions({ conditions }: Policy, fields: ReadonlyMap<string, string>): void {
  for (const condition of conditions) {
    if (matches(condition, fields.get(condition.field) ?? '')) continue
    const { match, field, value } = condition
    throw denied(`Policy Condition failed: ["${match}", "$${field}", "${value}"]`)
  }
  const named = new Set(conditions.map(({ field }) => field))
  for (const field of fields.keys()) {
    if (named.has(field) || exempt.has(field) || field.startsWith('x-ignore-')) continue
    throw denied(`Extra input fields: ${field}`)
  }
}

export function denied(reason: string): S3Refusal {
  return new S3Refusal('AccessDenied', `Invalid according to Policy: ${reason}`)
}

const exempt = new Set(['policy', 'file', 'x-amz-signature', 'signature', 'awsaccesskeyid'])

function matches({ match, field, value }: Condition, actual: string): boolean {
  if (match === 'eq') return actual === value
  // A content type may be a list; then each of it has to match.
  if (field === 'content-type') return actual.split(',').every(type => type.trim().startsWith(value))
  return actual.startsWith(value)
}

function exactMatches(object: Record<string, unknown>): Condition[] {
  return Object.entries(object).map(([name, value]) => ({
    match: 'eq',
    field: name.toLowerCase(),
    value: readText(value),
  }))
}

function readMatch([operator, field, value, ...rest]: unknown[]): Condition {
  const match = lowerCase(operator)
  if (match !== 'eq' && match !== 'starts-with')
    throw invalid('a condition is neither eq, starts-with nor content-length-range')
  if (typeof field !== 'string' || !field.startsWith('$') || rest.length > 0)
    throw invalid('a condition names no $field')
  return { match, field: field.slice(1).toLowerCase(), value: readText(value) }
}

function narrow(range: Policy['sizeRange'], [, min, max, ...rest]: unknown[]): { min: number; max: number } {
  const [low, high] = [Number(min ?? Number.NaN), Number(max ?? Number.NaN)]
  if (!Number.isSafeInteger(low) || !Number.isSafeInteger(high) || low < 0 || rest.length > 0) {
    throw invalid('its content-length-range is not two numbers of bytes')
  }
  return { min: Math.max(low, range?.min ?? 0), max: Math.min(high, range?.max ?? high) }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw invalid('it is not JSON')
  }
}

function readObject(value: unknown): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw invalid('there is no object where one belongs')
}

function readText(value: unknown): string {
  if (typeof value === 'string' || typeof value === 'number') return String(value)
  throw invalid('the value of a condition is no text')
}

function lowerCase(value: unknown): unknown {
  return typeof value === 'string' ? value.toLowerCase() : value
}

function invalid(reason: string): S3Refusal {
  return new S3Refusal('InvalidPolicyDocument', `The policy of the form is not valid: ${reason}.`)
}
