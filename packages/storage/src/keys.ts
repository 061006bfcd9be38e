import { join, sep } from 'node:path'
import { MortiseError } from '@mortise/errors'
import { type ObjectRef, RefusedKey } from './storage.ts'

/** Where an object lives in the backend: the container, and the key in it with the prefix and without its first slash. */
export type Place = {
  container: string
  key: string
  /** The key ends with a slash: it names a folder, which no kind of files can hold bytes in. */
  folder: boolean
}

/**
 * Returns the one function of a storage that turns a reference into a place. What it refuses ({@link RefusedKey}) is
 * refused by every kind: a key without a leading slash, empty, of more than 1,024 bytes of UTF-8 (with the prefix), or
 * with a NUL, a backslash, a lone surrogate or a `.` or `..` segment. Every other key is a place of its own: nothing is
 * cleaned. Throws `invalid_config` for a prefix or bucket that breaks the same rules.
 */
export function createPlaces({ bucket, pathPrefix = '' }: { bucket?: string; pathPrefix?: string }) {
  const prefix = orInvalidConfig(() => cleaned(checked(pathPrefix)))
  const fixed = bucket ? orInvalidConfig(() => checkContainer(bucket)) : undefined

  return ({ bucket: ownBucket, key }: ObjectRef): Place => {
    if (!key.startsWith('/')) throw new RefusedKey(key, 'does not begin with a slash')
    const own = checked(key).slice(1)
    if (own === '') throw new RefusedKey(key, 'is empty')
    const full = prefix === '' ? own : `${prefix}/${own}`
    if (!fits(full)) throw new RefusedKey(key, `has more than ${maxKeyBytes} bytes, with what stands before it`)
    return { container: fixed ?? checkContainer(ownBucket), key: full, folder: key.endsWith('/') }
  }
}

/** Where the keys of a bucket are: the container, and what stands there before each key instead of its first slash. */
export function placeOfBucket(place: (ref: ObjectRef) => Place, bucket: string): { container: string; prefix: string } {
  const { container, key } = place({ bucket, key: '/x' })
  return { container, prefix: key.slice(0, -1) }
}

/** Whether a text is a key as listings tell it: one that would be refused is not. */
export function isKey(text: string): boolean {
  try {
    return text.startsWith('/') && checked(text) !== '/' && fits(text.slice(1))
  } catch {
    return false
  }
}

/** Whether a key can begin with a text. */
export function isBeginning(text: string): boolean {
  const folder = text.slice(0, text.lastIndexOf('/') + 1)
  return (folder === '/' || isKey(folder)) && text.isWellFormed() && !/[\0\\]/.test(text) && fits(text.slice(1))
}

/** Whether a key of a file can begin with a text: the names of folders cannot be empty. */
export function isPathBeginning(text: string): boolean {
  return isBeginning(text) && !text.includes('//')
}

/**
 * The path of an object below `root`, for a kind of storage that keeps files. The segments were checked, so no text climbs
 * out; a symbolic link below the root can only have been put there by the operator (no request makes one) and is followed.
 */
export function localPath(kind: string, root: string, { container, key }: Place): string {
  // To a file system two slashes are one: two keys would be one file.
  if (key.startsWith('/') || key.includes('//')) {
    throw new RefusedKey(key, `repeats a slash, which a storage of kind ${kind} cannot keep`)
  }
  // Most keys are shorter than a name may be, and so are all of their segments.
  if (Buffer.byteLength(key) > maxNameBytes && key.split('/').some(isLong)) {
    throw new RefusedKey(key, `has more than ${maxNameBytes} bytes between two slashes, too many for the kind ${kind}`)
  }
  const folder = join(root, container) + sep
  const path = join(folder, key)
  if (!path.startsWith(folder)) throw new RefusedKey(key, 'lies outside its container')
  return path
}

/** The longest key of S3. */
const maxKeyBytes = 1024

/** Whether a key, without its first slash, is not too long. */
export const fits = (key: string) => key.length * 3 <= maxKeyBytes || Buffer.byteLength(key) <= maxKeyBytes

/** NAME_MAX of every usual file system. */
const maxNameBytes = 255

function checked(text: string): string {
  if (!text.isWellFormed()) throw new RefusedKey(text, 'is not well-formed text')
  if (text.includes('\0') || text.includes('\\')) throw new RefusedKey(text, 'contains a NUL or a backslash')
  if (dotSegment.test(text)) throw new RefusedKey(text, 'contains a "." or ".." segment')
  return text
}

/** With single slashes between its segments and none at the ends. */
function cleaned(text: string): string {
  return text
    .split('/')
    .filter(segment => segment !== '')
    .join('/')
}

function checkContainer(name: string): string {
  if (name === '' || name.includes('/')) throw badBucket(name, 'is no bucket name')
  if (isLong(checked(name))) throw badBucket(name, `has more than ${maxNameBytes} bytes`)
  return name
}

const dotSegment = /(?:^|\/)\.\.?(?:\/|$)/

const isLong = (segment: string) => Buffer.byteLength(segment) > maxNameBytes

function badBucket(name: string, why: string): MortiseError {
  return new MortiseError('invalid_request', `bucket ${JSON.stringify(name.slice(0, 200))} ${why}`)
}

function orInvalidConfig<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw new MortiseError('invalid_config', `storage: ${(error as Error).message}`, { cause: error })
  }
}
