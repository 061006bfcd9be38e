import { type ChecksumAlgorithm, isChecksumAlgorithm } from '@mortise/s3-auth/checksums'
import type { ObjectCall, Signed } from './call.ts'
import type { S3Deps } from './deps.ts'
import { S3Error } from './error.ts'
import { isDivision } from './join-checksums.ts'
import { one, readFacts } from './object-headers.ts'
import { writableLocation } from './own-object.ts'
import type { UploadRecord } from './uploads/upload-record.ts'
import { xmlResponse } from './xml.ts'

export async function createUpload(call: Signed<ObjectCall>, deps: S3Deps): Promise<Response> {
  const { bucket, signer, signal } = call
  const { key } = writableLocation(call, deps)
  if (key.endsWith('/')) throw new S3Error('InvalidRequest', 'A folder is not uploaded in parts.')
  const facts = readFacts(call.headers)
  const checksum = readChecksum(call.headers)
  const record = { key, facts, initiator: signer.accessKey, ...(checksum ? { checksum } : {}) }
  const id = await deps.uploads.create(bucket.name, record, signal)
  const answer = { Bucket: bucket.name, Key: key.slice(1), UploadId: id }
  if (!checksum) return xmlResponse('InitiateMultipartUploadResult', answer)
  const { algorithm, type } = checksum
  const told = { 'x-amz-checksum-algorithm': algorithm.toUpperCase(), 'x-amz-checksum-type': type }
  return xmlResponse('InitiateMultipartUploadResult', answer, told)
}

function readChecksum(headers: ObjectCall['headers']): UploadRecord['checksum'] | null {
  const text = one(headers, 'x-amz-checksum-algorithm')
  if (text === undefined) return null
  const algorithm = text.toLowerCase()
  if (!isChecksumAlgorithm(algorithm)) {
    throw new S3Error('InvalidRequest', 'Checksum algorithm provided is unsupported.')
  }
  const type = one(headers, 'x-amz-checksum-type')?.toUpperCase() ?? defaultType(algorithm)
  if (type === 'FULL_OBJECT' && isDivision(algorithm)) return { algorithm, type }
  if (type === 'COMPOSITE' && algorithm !== 'crc64nvme') return { algorithm, type }
  throw new S3Error('InvalidRequest', `There is no ${text} checksum of that type.`, { ChecksumType: type.slice(0, 40) })
}

const defaultType = (algorithm: ChecksumAlgorithm) => (algorithm === 'crc64nvme' ? 'FULL_OBJECT' : 'COMPOSITE')
