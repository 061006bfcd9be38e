import { type ErrorCode, MortiseError } from '@mortise/errors'

// sharp throws plain errors without a code. What no row knows is trouble with the input, unless it is a bug.
const rows: [RegExp, ErrorCode][] = [
  [/^timeout: /, 'timed_out'],
  [/exceeds? (\d+x\d+ )?(pixel|channel) limit/, 'limit_exceeded'],
  [/is too large for the|maximum dimension|too large to (encode|save)/i, 'limit_exceeded'],
  [/out of memory|unable to allocate|memory allocation/i, 'limit_exceeded'],
  [/bad extract area|must have same dimensions or smaller/, 'invalid_request'],
  [/^Expected |save_buffer|not supported for multi-page/, 'internal'],
]

const overlayCodes: Partial<Record<ErrorCode, ErrorCode>> = { limit_exceeded: 'invalid_request' }

/** Anything that sharp threw, with a code. The message is for the log. */
export function toRenderError(error: unknown): MortiseError {
  if (error instanceof MortiseError) return error
  if (!(error instanceof Error)) return new MortiseError('internal', String(error))
  // libvips gives one reason a line, and repeats them.
  const message = [...new Set(error.message.trim().split('\n'))].join('; ').slice(0, 500)
  if (error.constructor !== Error) return new MortiseError('internal', message, { cause: error })
  const code = rows.find(([pattern]) => pattern.test(error.message))?.[1] ?? 'undecodable'
  return new MortiseError(code, message, { cause: error })
}

/** The same for an image that is laid over others: what is wrong with it is wrong with the request. */
export function toOverlayError(error: unknown): MortiseError {
  const { code, message, cause } = toRenderError(error)
  const blamed = overlayCodes[code]
  return new MortiseError(blamed ?? code, `watermark: ${message}`, { cause })
}
