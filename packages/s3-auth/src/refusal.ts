import { type ErrorCode, MortiseError } from '@mortise/errors'

/** The codes of S3's error documents that are used here, and what each is among our own. */
const kinds = {
  AccessDenied: 'forbidden',
  AuthorizationHeaderMalformed: 'invalid_request',
  AuthorizationQueryParametersError: 'invalid_request',
  BadDigest: 'invalid_request',
  EntityTooLarge: 'too_large',
  EntityTooSmall: 'invalid_request',
  IncompleteBody: 'invalid_request',
  InvalidAccessKeyId: 'unauthenticated',
  InvalidArgument: 'invalid_request',
  InvalidDigest: 'invalid_request',
  InvalidPolicyDocument: 'invalid_request',
  InvalidRequest: 'invalid_request',
  MalformedTrailerError: 'invalid_request',
  MissingContentLength: 'invalid_request',
  MissingSecurityHeader: 'invalid_request',
  NotImplemented: 'unsupported',
  RequestTimeTooSkewed: 'forbidden',
  SignatureDoesNotMatch: 'forbidden',
  XAmzContentSHA256Mismatch: 'invalid_request',
} as const satisfies Record<string, ErrorCode>

export type S3RefusalCode = keyof typeof kinds

/**
 * A request that does not prove what it has to. The message and the details hold nothing that the client did not send
 * or may not know, so both may stand in the answer.
 */
export class S3Refusal extends MortiseError {
  readonly s3Code: S3RefusalCode
  /** Further elements of the error document by name, `Region` for one. */
  readonly details: Readonly<Record<string, string>>

  constructor(s3Code: S3RefusalCode, message: string, details: Record<string, string> = {}) {
    super(kinds[s3Code], message)
    this.s3Code = s3Code
    this.details = details
  }
}
