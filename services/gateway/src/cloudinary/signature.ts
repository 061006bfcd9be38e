import { createHash, timingSafeEqual } from 'node:crypto'
import type { AccessKey } from '@mortise/config'

export type Field = readonly [name: string, value: string]

const maxAgeSeconds = 3600
/** Clocks differ. */
const maxAheadSeconds = 600

/**
 * Whether a form was signed with that key, and lately. What is signed is either every field, as in mort, or what
 * Cloudinary's own libraries sign; both of their versions, and both of their digests, which are told apart by length.
 * `now`: milliseconds since the epoch.
 */
export function isProven(fields: readonly Field[], { accessKey, secretAccessKey }: AccessKey, now: number): boolean {
  if (textOf(fields, 'api_key') !== accessKey) return false
  if (!isRecent(textOf(fields, 'timestamp') ?? '', now)) return false
  const given = textOf(fields, 'signature') ?? ''
  const algorithm = given.length === 64 ? 'sha256' : 'sha1'
  if ((textOf(fields, 'signature_algorithm') ?? algorithm) !== algorithm) return false
  // No shortcut: how long this takes tells nothing about which of them came close.
  const matches = textsToSign(fields).map(text => isEqual(digest(text + secretAccessKey, algorithm), given))
  return matches.includes(true)
}

/** What Cloudinary's libraries check in an answer. */
export function signAnswer(publicId: string, version: number, secret: string, request: readonly Field[]): string {
  const algorithm = textOf(request, 'signature')?.length === 64 ? 'sha256' : 'sha1'
  return digest(`public_id=${publicId}&version=${version}${secret}`, algorithm)
}

/** The first that is not empty: those that are may have been added by anybody, as Cloudinary does not sign them. */
export function textOf(fields: readonly Field[], name: string): string | undefined {
  return fields.find(([field, value]) => field === name && value !== '')?.[1]
}

function isRecent(timestamp: string, now: number): boolean {
  if (!/^\d{1,12}$/.test(timestamp)) return false
  const age = now / 1000 - Number(timestamp)
  return age <= maxAgeSeconds && age >= -maxAheadSeconds
}

/** Of these three nothing is read. */
const unsigned = new Set(['file', 'cloud_name', 'resource_type'])

function textsToSign(fields: readonly Field[]): string[] {
  const signed = fields.filter(([name]) => name !== 'api_key' && name !== 'signature')
  const theirs = joinLists(signed.filter(([name, value]) => value !== '' && !unsigned.has(name)))
  return [print(signed), print(theirs), print(theirs.map(([name, value]) => [escaped(name), escaped(value)]))]
}

/** `tags[]=a` and `tags[]=b` are signed as `tags=a,b`. */
function joinLists(fields: readonly Field[]): Field[] {
  const lists = new Map<string, string[]>()
  for (const [name, value] of fields) if (name.endsWith('[]')) lists.set(name, [...(lists.get(name) ?? []), value])
  const joined = [...lists].map(([name, values]): Field => [name.slice(0, -2), values.join(',')])
  return [...fields.filter(([name]) => !lists.has(name)), ...joined]
}

/** Fields of one name stay in their order. */
function print(fields: readonly Field[]): string {
  const sorted = fields.toSorted(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0))
  return sorted.map(([name, value]) => `${name}=${value}`).join('&')
}

const escaped = (text: string) => text.replaceAll('&', '%26')

function digest(text: string, algorithm: 'sha1' | 'sha256'): string {
  return createHash(algorithm).update(text).digest('hex')
}

function isEqual(right: string, given: string): boolean {
  const [a, b] = [Buffer.from(right), Buffer.from(given)]
  return a.length === b.length && timingSafeEqual(a, b)
}
