import { join, sep } from 'node:path'
import { MortiseError } from '@mortise/errors'
import type { ObjectRef } from './storage.ts'

/** Where an object lives in the backend: the container, and the key in it with the prefix and without a leading slash. */
export type Place = {
  container: string
  key: string
  /** The key ends with a slash: it names a folder, which no local kind can hold bytes in. */
  folder: boolean
}

/**
 * Returns the one function of a storage that turns a reference into a place. What it refuses (`invalid_request`) is
 * refused by every kind: a key without a leading slash, empty, of more than 1,024 bytes of UTF-8 (with the prefix), or
 * with a NUL, a backslash, a lone surrogate or a `.` or `..` segment. Repeated slashes count as one, as in mort.
 * Throws `invalid_config` for a prefix or bucket that breaks the same rules.
 */
export function createPlaces({ bucket, pathPrefix = '' }: { bucket?: string; pathPrefix?: string }) {
  const prefix = orInvalidConfig(() => checked(pathPrefix))
  const fixed = bucket ? orInvalidConfig(() => checkContainer(bucket)) : undefined

  return ({ bucket: ownBucket, key }: ObjectRef): Place => {
    if (!key.startsWith('/')) throw invalid(key, 'does not begin with a slash')
    const own = checked(key)
    if (own === '') throw invalid(key, 'is empty')
    const folder = key.endsWith('/')
    const full = (prefix === '' ? own : `${prefix}/${own}`) + (folder ? '/' : '')
    if (!fits(full)) throw invalid(key, `has more than ${maxKeyBytes} bytes`)
    return { container: fixed ?? checkContainer(ownBucket), key: full, folder }
  }
}

/** Where the keys of a bucket are: the container, and what stands there before each key instead of its first slash. */
export function placeOfBucket(place: (ref: ObjectRef) => Place, bucket: string): { container: string; prefix: string } {
  const { container, key } = place({ bucket, key: '/x' })
  return { container, prefix: key.slice(0, -1) }
}

/** Whether a text is a key as listings tell it: one that would be refused or names another object is not. */
export function isKey(text: string): boolean {
  try {
    return text.startsWith('/') && !text.includes('//') && checked(text) !== '' && fits(text.slice(1))
  } catch {
    return false
  }
}

/** Whether a key can begin with a text. */
export function isBeginning(text: string): boolean {
  const folder = text.slice(0, text.lastIndexOf('/') + 1)
  return (folder === '/' || isKey(folder)) && text.isWellFormed() && !/[\0\\]/.test(text) && fits(text.slice(1))
}

/**
 * The path of an object below `root`. The segments were checked, so no text climbs out; a symbolic link below the root
 * can only have been put there by the operator (no request makes one) and is followed.
 */
export function localPath(root: string, { container, key }: Place): string {
  // Most keys are shorter than a name may be, and so are all of their segments.
  if (Buffer.byteLength(key) > maxNameBytes && key.split('/').some(isLong)) {
    throw invalid(key, `has a segment of more than ${maxNameBytes} bytes`)
  }
  const folder = join(root, container) + sep
  const path = join(folder, key)
  if (!path.startsWith(folder)) throw invalid(key, 'lies outside its container')
  return path
}

/** The longest key of S3. */
const maxKeyBytes = 1024

/** Whether a key, without its first slash, is not too long. */
export const fits = (key: string) => key.length * 3 <= maxKeyBytes || Buffer.byteLength(key) <= maxKeyBytes

/** NAME_MAX of every usual file system. */
const maxNameBytes = 255

/** The segments of a text with single slashes between them and none at the ends. */
function checked(text: string): string {
  if (!text.isWellFormed()) throw invalid(text, 'is not well-formed text')
  if (text.includes('\0') || text.includes('\\')) throw invalid(text, 'contains a NUL or a backslash')
  if (dotSegment.test(text)) throw invalid(text, 'contains a "." or ".." segment')
  const single = text.replace(/\/{2,}/g, '/')
  return single.slice(single.startsWith('/') ? 1 : 0, single.length > 1 && single.endsWith('/') ? -1 : undefined)
}

function checkContainer(name: string): string {
  if (name === '' || name.includes('/') || checked(name) !== name) throw invalid(name, 'is no bucket name')
  if (isLong(name)) throw invalid(name, `has more than ${maxNameBytes} bytes`)
  return name
}

const dotSegment = /(?:^|\/)\.\.?(?:\/|$)/

const isLong = (segment: string) => Buffer.byteLength(segment) > maxNameBytes

/** The text is cut: it comes from outside and goes to a log. */
function invalid(text: string, why: string): MortiseError {
  return new MortiseError('invalid_request', `key ${JSON.stringify(text.slice(0, 200))} ${why}`)
}

function orInvalidConfig<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw new MortiseError('invalid_config', `storage: ${(error as Error).message}`, { cause: error })
  }
}
