import { type ErrorCode, MortiseError } from '@mortise/errors'
import { replies } from '../errors.ts'

/** What an upload may fail by: our code, the status, and the whole body. The first six are mort's. */
const refusals = {
  configuration: ['invalid_config', 500, 'Server configuration error'],
  notMultipart: ['invalid_request', 400, "request Content-Type isn't multipart/form-data"],
  noBoundary: ['invalid_request', 400, 'no multipart boundary param in Content-Type'],
  signature: ['forbidden', 403, 'signature does not match'],
  oneFile: ['invalid_request', 400, 'only upload of one file is supported'],
  contentType: ['invalid_request', 400, 'invalid file Content-Type'],
  malformed: ['invalid_request', 400, 'the form is malformed, or does not end'],
  tooMuchText: ['invalid_request', 400, 'too many fields, or too long ones'],
  tooLate: ['invalid_request', 408, 'the form took too long'],
  tooLarge: ['too_large', 413, 'the file is too large'],
  tooLargeUnproven: ['too_large', 413, 'the file is too large to come before the fields that are signed'],
  inParts: ['unsupported', 400, 'uploads in chunks are not supported'],
  fileName: ['invalid_request', 400, 'the field of the file must be called file'],
  empty: ['invalid_request', 400, 'the file is empty'],
  publicId: ['invalid_request', 400, 'invalid public_id or folder'],
} as const satisfies Record<string, readonly [ErrorCode, number, string]>

export type Reason = keyof typeof refusals

export class UploadRefusal extends MortiseError {
  readonly reason: Reason

  constructor(reason: Reason, options: { cause?: unknown } = {}) {
    super(refusals[reason][0], refusals[reason][2], options)
    this.reason = reason
  }
}

export type UploadReply = { status: number; code: ErrorCode; text: string; retryAfter: number | null }

/** What the client is told. Of what is not about his own request he learns mort's words, and nothing else. */
export function replyTo(error: unknown): UploadReply {
  if (error instanceof UploadRefusal) {
    const [code, status, text] = refusals[error.reason]
    return { status, code, text, retryAfter: null }
  }
  const code = error instanceof MortiseError ? error.code : 'internal'
  const { status } = replies[code]
  const retryAfter = status === 503 ? Math.ceil((error as MortiseError).retryAfter ?? 1) : null
  return { status, code, text: texts[code] ?? 'parent storage error', retryAfter }
}

const texts: Partial<Record<ErrorCode, string>> = {
  overloaded: 'too many uploads at one time',
  internal: 'error',
}
