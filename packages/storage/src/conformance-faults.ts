import { createHash } from 'node:crypto'
import { readdir, readlink } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type { ErrorCode } from '@mortise/errors'
import { describe, expect, it } from 'vitest'
import type { Storage } from './storage.ts'

/** A storage whose backend can be made to fail. It holds nothing at first. */
export type FaultyStorage = AsyncDisposable & {
  storage: Storage
  /** Another one of the same objects, with a limit on silence that is never met. */
  patient: Storage
  /** Puts an object as others would. Absent: through `patient`. */
  seed?(body: Buffer): Promise<void>
  /** From now on nothing fails any more. */
  heal(): void | Promise<void>
  /** What a call may leave behind, by name: temporary files, requests under way, open files, uploads in parts. */
  leftovers(): Promise<string[]> | string[]
}

/** How a call ends: well, with `signal.reason`, or with an error of this code. */
export type End = 'done' | 'aborted' | ErrorCode

export type Fault<Faulty extends FaultyStorage> = {
  /** Follows "when" in the name of the test. */
  name: string
  /** Makes it happen to the next call; `abort` aborts the signal of that. */
  arrange(faulty: Faulty, abort: () => void): void | Promise<void>
  /** Absent: it cannot happen to a get. */
  get?: End | undefined
  /** Absent: it cannot happen to a put. A stream cannot be sent twice, bytes can. */
  put?: { bytes: End; stream: End } | undefined
  /** A put that fails is done all the same: only its answer is lost. */
  stored?: true | undefined
  /** It happens to what a get has opened, as bytes or as a stream. */
  open?: true | undefined
  /** The call ends when the limit on silence is over, so that is short. */
  silent?: true | undefined
}

export type Create<Faulty extends FaultyStorage> = (options: { timeoutMs: number }) => Promise<Faulty>

/**
 * What must hold when something fails in the middle of a get or a put, as tests, one for each fault: the call ends as the
 * fault says, readers see the old object or the whole new one, and when the storage is closed no descriptor is open that
 * was not open before.
 */
export function testFaults<Faulty extends FaultyStorage>(
  name: string,
  create: Create<Faulty>,
  faults: Fault<Faulty>[],
  lacks: { writing?: boolean } = {},
): void {
  describe.runIf(faults.some(fault => fault.get))(`${name}: a get`, () => {
    for (const fault of faults) {
      const end = fault.get
      if (!end) continue
      it.each(fault.open ? (['bytes', 'stream'] as const) : (['bytes'] as const))(
        `of %s is ${end} when ${fault.name}`,
        how => checkCall(create, fault, { end, holds: older, call: (storage, signal) => get(storage, how, signal) }),
      )
    }
  })
  describe.skipIf(lacks.writing)(`${name}: a put`, () => {
    for (const fault of faults) {
      for (const [how, end] of Object.entries(fault.put ?? {})) {
        const holds = end === 'done' || fault.stored ? newer : older
        const make = how === 'bytes' ? () => newer : () => Readable.from(pieces(newer))
        it(`of ${how} is ${end} when ${fault.name}`, () =>
          checkCall(create, fault, { end, holds, call: (storage, signal) => put(storage, make(), signal) }))
      }
    }
    for (const [fault, end, make] of sources) {
      it.each([
        ['an object', older],
        ['nothing', null],
      ])(`over %s is ${end} when the body ${fault}`, (_, before) =>
        checkCall(create, nothing, {
          ...{ end, before, holds: before },
          call: (storage, signal, abort) => put(storage, Readable.from(make(abort)), signal),
        }),
      )
    }
  })
}

const cat = { bucket: 'photos', key: '/trip/cat.jpg' }
const never = new AbortController().signal
const older = pattern(700_000, 0)
const newer = pattern(600_001, 9)

/** The body of a put, of `newer.length` bytes by its own account. */
const sources: [name: string, end: End, make: (abort: () => void) => Iterable<Uint8Array>][] = [
  ['breaks off before its first byte', 'cancelled', () => breaking(0)],
  ['breaks off after its first piece', 'cancelled', () => breaking(1)],
  ['breaks off after its last byte', 'cancelled', () => breaking(Number.POSITIVE_INFINITY)],
  ['is empty', 'invalid_request', () => []],
  ['is a piece too short', 'invalid_request', () => [...pieces(newer)].slice(0, -1)],
  ['is a byte too short', 'invalid_request', () => pieces(newer.subarray(1))],
  ['is a byte too long', 'invalid_request', () => [...pieces(newer), Buffer.alloc(1)]],
  ['is aborted before its first byte', 'aborted', abort => breaking(0, abort)],
  ['is aborted after its first piece', 'aborted', abort => breaking(1, abort)],
  ['is aborted after its last byte', 'aborted', abort => breaking(Number.POSITIVE_INFINITY, abort)],
]

const nothing = { name: '', arrange() {} }

type Call = {
  end: End
  /** What is there before, and what in the end; `null`: nothing. */
  before?: Buffer | null
  holds: Buffer | null
  call(storage: Storage, signal: AbortSignal, abort: () => void): Promise<void>
}

async function checkCall<Faulty extends FaultyStorage>(
  create: Create<Faulty>,
  { arrange, silent }: Pick<Fault<Faulty>, 'arrange' | 'silent'>,
  { end, before = older, holds, call }: Call,
): Promise<void> {
  const known = new Set(await descriptors())
  {
    await using faulty = await create({ timeoutMs: silent ? shortMs : longMs })
    const { storage, patient } = faulty
    if (before) await (faulty.seed ? faulty.seed(before) : put(patient, before, never))
    const [controller, reason] = [new AbortController(), new Error('nobody waits')]
    const abort = () => controller.abort(reason)
    await arrange(faulty, abort)
    const calling = call(storage, controller.signal, abort)
    if (end === 'done') await calling
    else if (end === 'aborted') await expect(calling).rejects.toBe(reason)
    else await expect(calling).rejects.toMatchObject({ name: 'MortiseError', code: end })
    await faulty.heal()
    for (const reader of [patient, storage]) {
      await expect.poll(() => stored(reader), patience).toBe(holds && print(holds))
    }
    await expect.poll(() => faulty.leftovers(), patience).toEqual([])
    if (patient.list) {
      const { objects } = await patient.list(cat.bucket, { prefix: '/', limit: 9, signal: never })
      expect(objects.map(({ key }) => key)).toEqual(holds ? [cat.key] : [])
    }
  }
  const open = async () => (await descriptors()).filter(name => !known.has(name))
  await expect.poll(open, patience).toEqual([])
}

/** Of the limit on silence: one that is waited for, and one that no slow machine meets. */
const shortMs = 250
const longMs = 20_000

const patience = { timeout: 15_000, interval: 10 }

async function get(storage: Storage, how: 'bytes' | 'stream', signal: AbortSignal): Promise<void> {
  const found = await storage.get(cat, { signal })
  if (!found) throw new Error('there is no object')
  const bytes = how === 'bytes' ? await found.bytes(1e9) : await buffer(found.stream())
  expect(print(bytes)).toBe(print(older))
}

async function put(storage: Storage, body: Buffer | Readable, signal: AbortSignal): Promise<void> {
  const size = body instanceof Readable ? newer.length : body.length
  try {
    await storage.put(cat, { body, size, contentType: 'image/jpeg' }, signal)
  } finally {
    if (body instanceof Readable) expect(body.destroyed).toBe(true)
  }
}

async function stored(storage: Storage): Promise<string | null> {
  const found = await storage.get(cat, { signal: never })
  return found && print(await found.bytes(1e9))
}

/** Files and sockets that this process has open. Elsewhere than on Linux none are known. */
async function descriptors(): Promise<string[]> {
  const numbers = await readdir('/proc/self/fd').catch(() => [])
  const targets = await Promise.all(numbers.map(number => readlink(`/proc/self/fd/${number}`).catch(() => '')))
  return targets.filter(target => target.startsWith('socket:') || /^\/(?!dev\/|proc\/)/.test(target))
}

function* pieces(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 200_000) yield bytes.subarray(at, at + 200_000)
}

/** Its first pieces, then the end of it: by an error, or by `abort`. */
function* breaking(count: number, abort?: () => void): Generator<Buffer> {
  let left = count
  for (const piece of pieces(newer)) {
    if (left <= 0) break
    left -= 1
    yield piece
  }
  if (!abort) throw new Error('the upload broke off')
  abort()
}

/** Bytes that repeat after no power of two, so that a chunk in the wrong place shows. */
function pattern(size: number, seed: number): Buffer {
  return Buffer.from(Uint8Array.from({ length: size }, (_, at) => (at * 7 + seed) % 251))
}

/** In short, so that a difference is a line and not a megabyte. */
function print(bytes: Uint8Array): string {
  return `${bytes.length} bytes, sha256 ${createHash('sha256').update(bytes).digest('hex')}`
}
