import type { Fault, FaultyStorage } from './conformance-faults.ts'

/** `late`: the call does what it is for, then says that it failed, as the close of a file on NFS may. */
export type FileTrouble = { call: string; nth: number; error?: string; late?: true; onReached?: () => void }

export type FaultyFiles = FaultyStorage & { trouble(next: FileTrouble): void }

let trouble: FileTrouble | undefined

/** What the next calls of `node:fs` meet with; nothing ends it. */
export function setFileTrouble(next?: FileTrouble): void {
  trouble = next
}

/** `node:fs` with functions that fail when it is their turn, for `vi.mock`. */
export function breakable<Module extends object>(original: Module): Module {
  const broken = Object.entries(original).map(([name, value]) => [
    name,
    isCall(value) ? breakableCall(name, value) : value,
  ])
  const module = Object.fromEntries(broken)
  return { ...module, default: module }
}

type Call = (...args: unknown[]) => unknown

/** Classes and the promises are left as they are. */
const isCall = (value: unknown): value is Call => typeof value === 'function' && !/^[A-Z]/.test(value.name)

function breakableCall(name: string, call: Call): Call {
  return (...args) => {
    const mine = trouble?.call === name && --trouble.nth === 0 ? trouble : undefined
    if (!mine?.error) {
      const result = call(...args)
      mine?.onReached?.()
      return result
    }
    const error = Object.assign(new Error(`${mine.error}: ${name}`), { code: mine.error })
    const done = args.at(-1)
    if (typeof done !== 'function') {
      if (mine.late) call(...args)
      throw error
    }
    if (mine.late) call(...args.slice(0, -1), () => done(error))
    else setImmediate(done as Call, error)
  }
}

const unavailable = { bytes: 'storage_unavailable', stream: 'storage_unavailable' } as const
const aborted = { bytes: 'aborted', stream: 'aborted' } as const

/** Which calls a put consists of, and what each may say. */
const putCalls: [call: string, nth: number, error: string, late?: true][] = [
  ['open', 1, 'EMFILE'],
  ['open', 1, 'EROFS'],
  ['writev', 1, 'ENOSPC'],
  ['writev', 3, 'ENOSPC'],
  ['writev', 3, 'EDQUOT'],
  ['fdatasync', 1, 'EIO'],
  ['fstat', 1, 'EIO'],
  ['close', 1, 'EIO', true],
  ['rename', 1, 'EACCES'],
]

/** Which calls a get consists of; the second `fstatSync` is that before the last bytes. */
const getCalls: [call: string, nth: number, error: string, open?: true][] = [
  ['open', 1, 'EMFILE'],
  ['open', 1, 'EACCES'],
  ['fstatSync', 1, 'EIO'],
  ['read', 1, 'EIO', true],
  ['fstatSync', 2, 'EIO', true],
]

/** Every fault at every call. */
export function fileFaults(): Fault<FaultyFiles>[] {
  const fails = (how: FileTrouble) => ({
    name: `call "${how.call}" ${how.nth} says ${how.error}`,
    arrange: (faulty: FaultyFiles) => faulty.trouble({ ...how }),
  })
  const aborts = (call: string, nth: number) => ({
    name: `it is aborted in call "${call}" ${nth}`,
    arrange: (faulty: FaultyFiles, abort: () => void) => faulty.trouble({ call, nth, onReached: abort }),
  })
  return [
    ...putCalls.map(([call, nth, error, late]) => ({
      ...fails({ call, nth, error, ...(late ? { late } : {}) }),
      put: unavailable,
    })),
    ...getCalls.map(([call, nth, error, open]) => ({
      ...fails({ call, nth, error }),
      ...{ get: 'storage_unavailable' as const, open },
    })),
    ...['open', 'writev', 'fdatasync', 'fstat', 'close'].map(call => ({ ...aborts(call, 1), put: aborted })),
    { ...aborts('writev', 3), put: aborted },
    { ...aborts('read', 1), get: 'aborted', open: true },
  ]
}
