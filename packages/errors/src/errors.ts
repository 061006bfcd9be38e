/** How a code behaves wherever it turns up. The gateway alone knows which HTTP status it becomes. */
type CodeTraits = {
  /** The same request may succeed later without anybody changing anything. */
  retry: boolean
}

/** Every way in which Mortise says no. A row here needs a row in the gateway's table of replies, or nothing compiles. */
export const errorCodes = {
  invalid_request: { retry: false },
  invalid_config: { retry: false },
  unauthenticated: { retry: false },
  forbidden: { retry: false },
  no_such_bucket: { retry: false },
  no_such_object: { retry: false },
  method_not_allowed: { retry: false },
  /** The original is no image, or a broken one. */
  undecodable: { retry: false },
  /** A limit on pixels, sides, frames, memory or time refuses the work that was asked for. */
  limit_exceeded: { retry: false },
  /** More bytes than the limit allows. */
  too_large: { retry: false },
  /** A byte range that lies outside the object. */
  range_not_satisfiable: { retry: false },
  /** The object is not in the state that the request demands. */
  precondition_failed: { retry: false },
  /** The render took down the process that ran it more than once and is set aside. */
  poisoned: { retry: false },
  /** The object is in an archive, and comes back in minutes or hours when somebody has it restored. */
  archived: { retry: false },
  /** Something that this storage kind cannot do. */
  unsupported: { retry: false },
  overloaded: { retry: true },
  storage_unavailable: { retry: true },
  queue_unavailable: { retry: true },
  /** It took too long once; another try would take as long. */
  timed_out: { retry: false },
  /** Everybody who waited has left. */
  cancelled: { retry: true },
  internal: { retry: false },
} as const satisfies Record<string, CodeTraits>

export type ErrorCode = keyof typeof errorCodes

export type MortiseErrorOptions = {
  cause?: unknown
  /** Seconds after which another try makes sense; becomes `Retry-After`. Absent when nobody knows. */
  retryAfter?: number
  /** Of an object that is `archived`, in the words of S3 (`GLACIER`). */
  storageClass?: string
  /** Who runs the service has to mend it, although the code is about the request: a script of his, say. */
  operators?: boolean
}

/**
 * The one error of this project. `code` is for programs and decides what a client is told, `message` holds the facts
 * for the log and never reaches a client unless he asks for debug headers.
 */
export class MortiseError extends Error {
  override readonly name = 'MortiseError'
  readonly code: ErrorCode
  readonly retryAfter: number | undefined
  /** See {@link MortiseErrorOptions.storageClass}. */
  readonly storageClass: string | undefined
  /** See {@link MortiseErrorOptions.operators}. Not in a {@link Failure}. */
  readonly operators: boolean

  constructor(
    code: ErrorCode,
    message: string,
    { cause, retryAfter, storageClass, operators }: MortiseErrorOptions = {},
  ) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.retryAfter = retryAfter
    this.storageClass = storageClass
    this.operators = operators ?? false
  }

  get retry(): boolean {
    return errorCodes[this.code].retry
  }
}

/** An error as data: what survives threads, jobs and processes, where classes and codes do not. */
export type Failure = {
  code: ErrorCode
  message: string
  /** Seconds; see {@link MortiseErrorOptions.retryAfter}. */
  retryAfter?: number
  /** Becomes a header field. */
  storageClass?: string
}

/** Anything thrown, as data. What has no code is a bug and becomes `internal`. */
export function toFailure(error: unknown): Failure {
  if (!(error instanceof MortiseError)) {
    return { code: 'internal', message: messageOf(error) }
  }
  const { code, message, retryAfter, storageClass } = error
  return { code, message, ...present({ retryAfter, storageClass }) }
}

/** The facts of anything thrown, which need not be an error. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

export function fromFailure({ code, message, ...facts }: Failure): MortiseError {
  return new MortiseError(code, message, facts)
}

/** Proves that something from outside (a job's last words, a thread's message) is a failure; `null` when it is not. */
export function readFailure(value: unknown): Failure | null {
  if (typeof value !== 'object' || value === null) return null
  const { code, message, ...facts } = value as Record<string, unknown>
  if (typeof code !== 'string' || !Object.hasOwn(errorCodes, code) || typeof message !== 'string') return null
  const retryAfter = typeof facts.retryAfter === 'number' ? facts.retryAfter : undefined
  const storageClass = isStorageClass(facts.storageClass) ? facts.storageClass : undefined
  return { code: code as ErrorCode, message, ...present({ retryAfter, storageClass }) }
}

function isStorageClass(value: unknown): value is string {
  return typeof value === 'string' && /^[A-Z_]{1,40}$/.test(value)
}

function present({ retryAfter, storageClass }: { retryAfter: number | undefined; storageClass: string | undefined }) {
  return {
    ...(retryAfter === undefined ? {} : { retryAfter }),
    ...(storageClass === undefined ? {} : { storageClass }),
  }
}
