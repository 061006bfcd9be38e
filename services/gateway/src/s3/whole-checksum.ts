import type { Headers } from '@mortise/s3-auth'
import type { BodyCheck } from '@mortise/s3-auth/body'
import { S3Refusal } from '@mortise/s3-auth/refusal'
import { type ChecksumType, type ObjectChecksum, saidIn, typeOf } from './checksum.ts'
import { S3Error } from './error.ts'
import { isDivision, joinChecksums } from './join-checksums.ts'
import { one } from './object-headers.ts'
import type { Part, Upload } from './uploads/uploads.ts'

export type WholeChecksum = {
  /** To be kept; `null` when nobody said enough of one. */
  checksum: ObjectChecksum | null
  /** What is still to be compared with the bytes. */
  check: Pick<BodyCheck, 'checksum'>
}

/**
 * The checksum of an object that is made of parts, from theirs. Throws when the client says another one. Where the parts
 * have none, his is compared with the bytes.
 */
export function wholeChecksum(headers: Headers, { checksum: begun }: Upload, parts: Part[]): WholeChecksum {
  const said = saidIn(Object.fromEntries(Object.keys(headers).map(name => [name, one(headers, name) ?? ''])))
  const algorithm = begun?.algorithm ?? said?.algorithm ?? parts[0]?.checksum?.algorithm
  if (algorithm === undefined) return nothing
  const saidType = one(headers, 'x-amz-checksum-type')?.toUpperCase()
  const type = begun?.type ?? (saidType as ChecksumType | undefined) ?? typeSaid(said)
  const other = (said && said.algorithm !== algorithm) || (saidType ?? type) !== type
  if (other || (type === 'FULL_OBJECT' && !isDivision(algorithm)) || !types.has(type)) {
    throw new S3Error('InvalidRequest', 'The upload was not begun with a checksum of that kind.')
  }
  const sums = parts.map(({ size, checksum }) =>
    checksum?.algorithm === algorithm ? { size, sum: checksum.value } : null,
  )
  if (sums.every(sum => sum !== null)) {
    const checksum = joinChecksums(algorithm, type, sums)
    if (said && digestOf(said) !== digestOf(checksum)) throw badDigest(algorithm)
    return { checksum, check: {} }
  }
  if (!said || type !== 'FULL_OBJECT') return nothing
  return { checksum: said, check: { checksum: { algorithm, expected: Buffer.from(said.value, 'base64') } } }
}

const nothing: WholeChecksum = { checksum: null, check: {} }

const types = new Set<string>(['FULL_OBJECT', 'COMPOSITE'])

/** Of some kinds there is only one type; of the others the number of parts shows which is meant. */
function typeSaid(said: ObjectChecksum | null): ChecksumType {
  return said && isDivision(said.algorithm) ? typeOf(said) : 'COMPOSITE'
}

/** Some clients leave out the number of parts. */
const digestOf = ({ value }: ObjectChecksum) => value.split('-', 1)[0]

function badDigest(algorithm: string): S3Refusal {
  return new S3Refusal('BadDigest', `The parts are not those that x-amz-checksum-${algorithm} was made from.`)
}
