import { type ErrorCode, MortiseError } from '@mortise/errors'
import { Restoring } from './archive.ts'
import type { Fields } from './http/fields.ts'

type Reply = {
  status: number
  /** May a client who sends mort's debug header read the message? Of a bug he may not, and who may not ask is told nothing. */
  explain: boolean
}

/** Code to status. mort's statuses where mort has the case. */
export const replies = {
  invalid_request: { status: 400, explain: true },
  invalid_config: { status: 500, explain: true },
  unauthenticated: { status: 401, explain: false },
  forbidden: { status: 403, explain: false },
  no_such_bucket: { status: 400, explain: true },
  no_such_object: { status: 404, explain: true },
  method_not_allowed: { status: 405, explain: true },
  undecodable: { status: 400, explain: true },
  limit_exceeded: { status: 413, explain: true },
  too_large: { status: 413, explain: true },
  range_not_satisfiable: { status: 416, explain: true },
  precondition_failed: { status: 412, explain: true },
  poisoned: { status: 500, explain: true },
  unsupported: { status: 501, explain: true },
  archived: { status: 503, explain: true },
  overloaded: { status: 503, explain: true },
  storage_unavailable: { status: 503, explain: true },
  queue_unavailable: { status: 503, explain: true },
  timed_out: { status: 504, explain: true },
  cancelled: { status: 503, explain: true },
  internal: { status: 500, explain: false },
} as const satisfies Record<ErrorCode, Reply>

export type ErrorReply = {
  status: number
  code: ErrorCode
  body: string
  contentType: string
  retryAfter: number | null
  /** What else the answer says. */
  fields: Readonly<Fields>
}

/** mort's bodies, with our code beside them. Nothing of the inside is in them, whatever was thrown. */
export function renderError(error: unknown, { debug }: { debug: boolean }): ErrorReply {
  const code = error instanceof MortiseError ? error.code : 'internal'
  const { status, explain } = replies[code]
  const fields = error instanceof Restoring ? error.fields : {}
  const reply = { status, code, fields, retryAfter: status === 503 ? retryAfterOf(error as MortiseError) : null }
  // As in mort, who may not do something learns only that.
  if (code === 'forbidden' || code === 'unauthenticated') return { ...reply, body: '', contentType: 'text/plain' }
  const message = debug && explain && error instanceof Error ? publicText(error.message) : 'error'
  if (code === 'no_such_object' && !debug)
    return { ...reply, body: JSON.stringify({ error: 'item not found', code }), contentType: 'text/plain' }
  return { ...reply, body: JSON.stringify({ message, code }), contentType: 'application/json' }
}

/** What is in an archive comes back when somebody has it restored; who knows when that was has said so. */
function retryAfterOf({ code, retryAfter }: MortiseError): number | null {
  if (retryAfter !== undefined) return Math.ceil(retryAfter)
  return code === 'archived' ? null : 1
}

/** Characters of a message that is shown. */
const maxText = 300

/** A message may quote what the client sent, and paths and addresses of the machine and its neighbours: these end up as dots. */
export function publicText(message: string): string {
  return message
    .slice(0, maxText)
    .replace(/\w+:\/\/\S+/g, '…')
    .replace(/(^|[^\w/])(?:\w:)?[\\/][^\s"',;:)]*/g, '$1…')
    .replace(/\b(ENOTFOUND|EAI_AGAIN) \S+/g, '$1 …')
    .replace(/\[?(?:[\da-f]{0,4}:){2,}[\da-f.]*\]?(?::\d+)?/gi, '…')
    .replace(/\b(?:\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?|[a-z][\w.-]*:\d{2,5})\b/gi, '…')
}
