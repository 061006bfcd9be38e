import { describeAnswer, lengthOf, readVersion } from './http-info.ts'
import type { HttpAnswer } from './http-wire.ts'
import { resolveRange } from './range.ts'
import { remoteObject } from './remote-object.ts'
import type { ByteRange, ObjectInfo, StoredObject } from './storage.ts'

export type Opening = { key: string; range?: ByteRange; signal: AbortSignal; timeoutMs: number }

/** The object of a 200, whole or cut to the range: a server may ignore a range. `info` is what its headers say. */
export function wholeObject(answer: HttpAnswer, info: ObjectInfo, opening: Opening): StoredObject {
  const { range, ...common } = opening
  const span = range && orDestroy(answer, () => resolveRange(range, info.size))
  const part = span ? { length: span.end - span.start + 1, skip: span.start } : { length: info.size }
  return remoteObject(info, span, { source: answer.body, backend: 'the origin', ...common, ...part })
}

/** The object of a 206; `null` when that is not the part that was asked for, or nothing says of what. */
export function partialObject(answer: HttpAnswer, range: ByteRange, opening: Opening): StoredObject | null {
  const { headers, body: source } = answer
  const found = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/.exec(String(headers['content-range'] ?? ''))
  if (!found) return null
  const [start, end, size] = found.slice(1).map(Number) as [number, number, number]
  const version = readVersion(headers, size)
  const length = end - start + 1
  if (!version || size === 0 || (lengthOf(headers) ?? length) !== length) return null
  const span = orDestroy(answer, () => resolveRange(range, size))
  if (span.start !== start || span.end !== end) return null
  const { range: _range, ...common } = opening
  const info = describeAnswer(headers, opening.key, { size, ...version })
  return remoteObject(info, span, { source, backend: 'the origin', length, ...common })
}

function orDestroy<T>(answer: HttpAnswer, read: () => T): T {
  try {
    return read()
  } catch (error) {
    answer.body.on('error', () => {}).destroy()
    throw error
  }
}
