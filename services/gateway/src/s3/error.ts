import { type ErrorCode, MortiseError } from '@mortise/errors'
import { S3Refusal } from '@mortise/s3-auth/refusal'
import { RefusedKey } from '@mortise/storage'
import { replies } from '../errors.ts'
import { printXml } from './xml.ts'

/** Codes of S3's error documents that the API answers with, besides those of `S3Refusal`: our own, and the status. */
const codes = {
  BucketAlreadyOwnedByYou: ['invalid_request', 409],
  InvalidBucketName: ['invalid_request', 400],
  InvalidPart: ['invalid_request', 400],
  InvalidPartOrder: ['invalid_request', 400],
  InvalidRange: ['range_not_satisfiable', 416],
  InvalidStorageClass: ['invalid_request', 400],
  InvalidURI: ['invalid_request', 400],
  KeyTooLongError: ['invalid_request', 400],
  MalformedPOSTRequest: ['invalid_request', 400],
  MalformedXML: ['invalid_request', 400],
  MethodNotAllowed: ['method_not_allowed', 405],
  NoSuchBucket: ['no_such_bucket', 404],
  NoSuchKey: ['no_such_object', 404],
  NoSuchUpload: ['no_such_object', 404],
  PreconditionFailed: ['precondition_failed', 412],
  RequestTimeout: ['timed_out', 400],
  EntityTooLarge: ['too_large', 400],
  EntityTooSmall: ['invalid_request', 400],
  AccessDenied: ['forbidden', 403],
  InvalidArgument: ['invalid_request', 400],
  InvalidRequest: ['invalid_request', 400],
  NotImplemented: ['unsupported', 501],
  MissingContentLength: ['invalid_request', 411],
} as const satisfies Record<string, readonly [ErrorCode, number]>

export type S3Code = keyof typeof codes

/** A refusal in the words of S3. Message and details are for the client: they hold nothing that he may not know. */
export class S3Error extends MortiseError {
  readonly s3Code: S3Code
  readonly details: Readonly<Record<string, string>>

  constructor(s3Code: S3Code, message: string, details: Record<string, string> = {}) {
    super(codes[s3Code][0], message)
    this.s3Code = s3Code
    this.details = details
  }
}

export type S3Reply = {
  status: number
  code: ErrorCode
  s3Code: string
  message: string
  details: Readonly<Record<string, string>>
  retryAfter: number | null
}

/** What a client of S3 is told. Of what is not about his own request he learns the code and nothing else. */
export function replyTo(error: unknown): S3Reply {
  const code = error instanceof MortiseError ? error.code : 'internal'
  const { status } = replies[code]
  // Clients wait for as long as they are told to, and an archive takes hours.
  const busy = status === 503 && code !== 'archived'
  const retryAfter = busy ? Math.ceil((error as MortiseError).retryAfter ?? 1) : null
  if (error instanceof S3Error || error instanceof S3Refusal) {
    const { s3Code, message, details } = error
    return { status: statusOf(error, status), code, s3Code, message, details, retryAfter }
  }
  if (error instanceof RefusedKey) {
    const said = { s3Code: 'InvalidArgument', message: `The key ${error.why}.`, details: { ArgumentName: 'key' } }
    return { status, code, ...said, retryAfter }
  }
  const s3Code = ours[code] ?? 'InternalError'
  const message = sentences[code] ?? 'Something went wrong. Please try again.'
  const storageClass = error instanceof MortiseError ? error.storageClass : undefined
  const details: Record<string, string> = storageClass === undefined ? {} : { StorageClass: storageClass }
  return { status: ownStatus[code] ?? status, code, s3Code, message, details, retryAfter }
}

export function errorDocument({ s3Code, message, details }: S3Reply, resource: string, requestId: string): string {
  return printXml(
    'Error',
    { Code: s3Code, Message: message, ...details, Resource: resource, RequestId: requestId },
    null,
  )
}

/**
 * mort's statuses where mort has the case: an access key that is unknown or cannot be read is 401, where S3 says 403 or
 * 400. Clients of S3 go by the code.
 */
function statusOf(error: S3Error | S3Refusal, status: number): number {
  if (error instanceof S3Error) return codes[error.s3Code][1]
  switch (error.s3Code) {
    case 'AuthorizationHeaderMalformed':
    case 'AuthorizationQueryParametersError':
      // With the region to use instead it is S3's own case: clients sign again with that.
      return 'Region' in error.details ? 400 : 401
    case 'MissingContentLength':
      return 411
    case 'EntityTooLarge':
      return 400
    default:
      return status
  }
}

const ours: Partial<Record<ErrorCode, string>> = {
  invalid_request: 'InvalidRequest',
  unauthenticated: 'InvalidAccessKeyId',
  forbidden: 'AccessDenied',
  no_such_bucket: 'NoSuchBucket',
  no_such_object: 'NoSuchKey',
  method_not_allowed: 'MethodNotAllowed',
  limit_exceeded: 'InvalidRequest',
  undecodable: 'InvalidRequest',
  too_large: 'EntityTooLarge',
  range_not_satisfiable: 'InvalidRange',
  precondition_failed: 'PreconditionFailed',
  unsupported: 'NotImplemented',
  archived: 'InvalidObjectState',
  overloaded: 'SlowDown',
  storage_unavailable: 'ServiceUnavailable',
  timed_out: 'RequestTimeout',
  cancelled: 'RequestTimeout',
}

/** Where S3's status differs from the one that mort's clients know. */
const ownStatus: Partial<Record<ErrorCode, number>> = {
  no_such_bucket: 404,
  archived: 403,
  timed_out: 400,
  cancelled: 400,
}

const sentences: Partial<Record<ErrorCode, string>> = {
  invalid_request: 'The request cannot be carried out as it is; the key may be one that the storage cannot hold.',
  no_such_bucket: 'The specified bucket does not exist.',
  no_such_object: 'The specified key does not exist.',
  method_not_allowed: 'The specified method is not allowed against this resource.',
  limit_exceeded: 'The request exceeds a limit.',
  undecodable: 'The original is no image that can be read.',
  too_large: 'The upload is larger than it may be.',
  range_not_satisfiable: 'The requested range is not satisfiable.',
  precondition_failed: 'At least one of the preconditions you specified did not hold.',
  archived: "The operation is not valid for the object's storage class.",
  unsupported: 'The storage of this bucket cannot do that.',
}
