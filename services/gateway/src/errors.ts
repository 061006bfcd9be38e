import { type ErrorCode, MortiseError } from '@mortise/errors'

type Reply = {
  status: number
  /** May a client who sends mort's debug header read the message? Only what is about his own request. */
  explain: boolean
}

/** Code to status. mort's statuses where mort has the case. */
export const replies = {
  invalid_request: { status: 400, explain: true },
  invalid_config: { status: 500, explain: false },
  unauthenticated: { status: 401, explain: false },
  forbidden: { status: 403, explain: false },
  no_such_bucket: { status: 400, explain: true },
  no_such_object: { status: 404, explain: true },
  method_not_allowed: { status: 405, explain: true },
  undecodable: { status: 400, explain: true },
  limit_exceeded: { status: 413, explain: true },
  too_large: { status: 413, explain: true },
  range_not_satisfiable: { status: 416, explain: true },
  poisoned: { status: 500, explain: false },
  unsupported: { status: 501, explain: true },
  overloaded: { status: 503, explain: false },
  storage_unavailable: { status: 503, explain: false },
  queue_unavailable: { status: 503, explain: false },
  timed_out: { status: 504, explain: false },
  cancelled: { status: 503, explain: false },
  internal: { status: 500, explain: false },
} as const satisfies Record<ErrorCode, Reply>

export type ErrorReply = {
  status: number
  code: ErrorCode
  body: string
  contentType: string
  retryAfter: number | null
}

/** mort's bodies, with our code beside them. Nothing of the inside is in them, whatever was thrown. */
export function renderError(error: unknown, { debug }: { debug: boolean }): ErrorReply {
  const code = error instanceof MortiseError ? error.code : 'internal'
  const { status, explain } = replies[code]
  const retryAfter = status === 503 ? Math.ceil((error as MortiseError).retryAfter ?? 1) : null
  // As in mort, who may not do something learns only that.
  if (code === 'forbidden' || code === 'unauthenticated')
    return { status, code, retryAfter, body: '', contentType: 'text/plain' }
  const message = debug && explain && error instanceof Error ? publicText(error.message) : 'error'
  if (code === 'no_such_object' && !debug) {
    return {
      status,
      code,
      retryAfter,
      body: JSON.stringify({ error: 'item not found', code }),
      contentType: 'text/plain',
    }
  }
  return { status, code, retryAfter, body: JSON.stringify({ message, code }), contentType: 'application/json' }
}

/** Characters of a message that is shown. */
const maxText = 300

/** A message may quote what the client sent, and by mistake a path or an address of the machine: both end up as dots. */
export function publicText(message: string): string {
  return message
    .slice(0, maxText)
    .replace(/\w+:\/\/\S+/g, '…')
    .replace(/(^|[^\w/])(?:\w:)?[\\/][^\s"',;:)]*/g, '$1…')
}
