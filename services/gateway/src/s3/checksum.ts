import type { BodyCheck, VerifiedBody } from '@mortise/s3-auth/body'
import { type ChecksumAlgorithm, checksumBytes, isChecksumAlgorithm } from '@mortise/s3-auth/checksums'
import type { NewObject, ObjectInfo } from '@mortise/storage'
import type { XmlElements } from './xml.ts'

/** Of a whole object, or, with `-<parts>` behind it, of the checksums of its parts. */
export type ObjectChecksum = { algorithm: ChecksumAlgorithm; value: string }

export type ChecksumType = 'FULL_OBJECT' | 'COMPOSITE'

/** User metadata of an object whose uploader said a checksum, which was right: `crc32 jMKuYQ==`. */
const checksumName = 'mortise-checksum'

export function typeOf({ value }: ObjectChecksum): ChecksumType {
  return value.includes('-') ? 'COMPOSITE' : 'FULL_OBJECT'
}

/** The one that an answer to an upload tells; `null` when there is none. */
export function saidIn(fields: Readonly<Record<string, string>>): ObjectChecksum | null {
  for (const [name, value] of Object.entries(fields)) {
    const algorithm = name.replace('x-amz-checksum-', '')
    if (isChecksumAlgorithm(algorithm)) return { algorithm, value }
  }
  return null
}

/** As user metadata; nothing of none. */
export function noteOf(checksum: ObjectChecksum | null): Record<string, string> {
  return checksum ? { [checksumName]: `${checksum.algorithm} ${checksum.value}` } : {}
}

/** `null` when nobody said one, or the storage could not keep it. */
export function checksumOf({ metadata }: Pick<ObjectInfo, 'metadata'>): ObjectChecksum | null {
  const [algorithm = '', value = ''] = metadata[checksumName]?.split(' ', 2) ?? []
  return isChecksumAlgorithm(algorithm) && /^[\w+/]{6,64}={0,2}(?:-\d{1,5})?$/.test(value) ? { algorithm, value } : null
}

/**
 * What to store with a body so that its checksum is kept. One that follows the body is known too late for storages that
 * take the metadata first; it is then not kept.
 */
export function keeping(
  { checksum, chunks }: BodyCheck,
  metadata: NewObject['metadata'],
  sums: VerifiedBody['checksums'],
): Pick<NewObject, 'metadata' | 'lateMetadata'> {
  if (checksum) {
    const value = checksum.expected.toString('base64')
    return { metadata: { ...metadata, ...noteOf({ algorithm: checksum.algorithm, value }) } }
  }
  const algorithm = chunks?.trailers[0]
  if (algorithm === undefined) return {}
  const note = (value: string) => noteOf({ algorithm, value })[checksumName]!
  const { length } = note(Buffer.alloc(checksumBytes[algorithm]).toString('base64'))
  return { lateMetadata: { name: checksumName, length, value: () => note(sums()[algorithm] ?? '') } }
}

export function checksumFields(checksum: ObjectChecksum | null): Record<string, string> {
  if (!checksum) return {}
  return { [`x-amz-checksum-${checksum.algorithm}`]: checksum.value, 'x-amz-checksum-type': typeOf(checksum) }
}

export function checksumElements(checksum: ObjectChecksum | null): XmlElements {
  return checksum ? { [elementOf(checksum.algorithm)]: checksum.value, ChecksumType: typeOf(checksum) } : {}
}

/** What a document of S3 calls a checksum of that kind. */
export function elementOf(algorithm: ChecksumAlgorithm): string {
  return `Checksum${algorithm.toUpperCase()}`
}
