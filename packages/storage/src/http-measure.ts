import { createHash } from 'node:crypto'
import { MortiseError } from '@mortise/errors'
import { bytesToFill } from './body.ts'
import { describeAnswer, lengthOf, readVersion } from './http-info.ts'
import { type Opening, wholeObject } from './http-object.ts'
import type { HttpAnswer } from './http-wire.ts'
import type { StoredObject } from './storage.ts'
import { storedBytes } from './stored-bytes.ts'

/**
 * Objects of origins that do not say how long one is, or which version: only the bytes tell, so they are read first.
 * One may have `maxBytes` (`too_large`), and what is in memory at one time is bounded too (`storage_unavailable`); only
 * one of known length is streamed instead, under a tag that no other opening has.
 */
export function createMeasure({ maxBytes, maxHeld }: { maxBytes: number; maxHeld: number }) {
  let held = 0

  return async (answer: HttpAnswer, opening: Opening): Promise<StoredObject> => {
    const { headers, body } = answer
    const { key, range, signal } = opening
    const size = lengthOf(headers)
    if (size !== null && size > maxBytes) {
      const info = describeAnswer(headers, key, { size, etag: crypto.randomUUID(), weak: true })
      return wholeObject(answer, info, opening)
    }
    const hold = holding(bytes => {
      held += bytes
    })
    try {
      const chunks: Buffer[] = []
      for await (const chunk of body) {
        chunks.push(chunk)
        hold.add(chunk.length)
        if (hold.bytes > maxBytes) throw new MortiseError('too_large', `${key}: more than ${maxBytes} bytes, no length`)
        if (held > maxHeld) throw new MortiseError('storage_unavailable', 'too many originals of unknown length')
      }
      const bytes = join(chunks, hold.bytes)
      if (size !== null && size !== bytes.length) throw new MortiseError('storage_unavailable', `${key}: cut off`)
      const version = readVersion(headers, bytes.length) ?? { etag: createHash('md5').update(bytes).digest('hex') }
      const info = describeAnswer(headers, key, { size: bytes.length, ...version })
      return untilRead(storedBytes(bytes, { info, ...(range ? { range } : {}), signal }), hold.release)
    } catch (error) {
      hold.release()
      body.destroy()
      signal.throwIfAborted()
      if (error instanceof MortiseError) throw error
      throw new MortiseError('storage_unavailable', `${key}: the connection broke off`, { cause: error })
    }
  }
}

function holding(count: (bytes: number) => void) {
  let bytes = 0
  return {
    get bytes() {
      return bytes
    },
    add(more: number) {
      bytes += more
      count(more)
    },
    release() {
      count(-bytes)
      bytes = 0
    },
  }
}

/** Whatever way the object is left, `release` is called. */
function untilRead(object: StoredObject, release: () => void): StoredObject {
  return {
    ...object,
    stream: () => object.stream().once('close', release),
    bytes: limit => object.bytes(limit).finally(release),
    async [Symbol.asyncDispose]() {
      release()
      await object[Symbol.asyncDispose]()
    },
  }
}

function join(chunks: Buffer[], length: number): Uint8Array {
  const bytes = bytesToFill(length)
  let at = 0
  for (const chunk of chunks) {
    bytes.set(chunk, at)
    at += chunk.length
  }
  return bytes
}
