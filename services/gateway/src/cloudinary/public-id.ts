import { randomInt } from 'node:crypto'
import { isReserved } from '../reserved.ts'
import { UploadRefusal } from './refusal.ts'
import { type Field, textOf } from './signature.ts'

/** Characters, as in Cloudinary. */
const maxPublicId = 255
/** Bytes of the folder and it, as in S3. */
const maxBytes = 1024

/**
 * The name that the sender chose, below the folder that he chose; else 20 letters and digits, as in mort. Throws an
 * `UploadRefusal` for what is no name: it becomes part of a path.
 */
export function publicIdOf(fields: readonly Field[]): string {
  const folder = textOf(fields, 'folder')?.replace(/\/$/, '')
  const name = textOf(fields, 'public_id') ?? randomId(20)
  const publicId = folder === undefined ? name : `${folder}/${name}`
  const fits = name.length <= maxPublicId && Buffer.byteLength(publicId) <= maxBytes
  if (!fits || /[\x00-\x1f\x7f\\]/.test(publicId) || !publicId.split('/').every(isName) || isReserved(`/${publicId}`)) {
    throw new UploadRefusal('publicId')
  }
  return publicId
}

export function randomId(length: number): string {
  return Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join('')
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

function isName(segment: string): boolean {
  return segment !== '' && segment !== '.' && segment !== '..' && segment.trim() === segment
}
