import { finished, type Readable, Transform } from 'node:stream'
import type { BodyCheck } from './body-check.ts'
import { createBodyReader } from './body-reader.ts'
import type { ChecksumAlgorithm } from './checksums.ts'

export type { BodyCheck, ChunkCheck } from './body-check.ts'
export { storedEncoding } from './body-check.ts'

export type VerifiedBody = {
  /**
   * The bytes of the object. When anything is wrong it fails with an `S3Refusal`, at the latest before the last byte: so
   * whoever stores what he gets never gets all of it. Nothing is proven before the stream has ended, and a body of size
   * 0 has no byte to hold back: read it to its end first.
   */
  stream: Readable
  /** The checksums that were verified, for the answer, in base64; complete when the stream has ended. */
  checksums(): Partial<Record<ChecksumAlgorithm, string>>
}

/**
 * Checks a body while it passes. Besides one piece of it nothing is held, however long the chunks that the client signs
 * are: their bytes pass before their signature is looked at, and what is held back at the end makes that safe.
 *
 * The source is never destroyed: whoever owns it wants to answer. It is left alone when the stream is destroyed, and the
 * stream fails when the source does.
 */
export function verifyBody(source: Readable, check: BodyCheck): VerifiedBody {
  let held: Buffer | null = null
  const reader = createBodyReader(check, bytes => {
    // An empty piece would take the place of the one that has to wait.
    if (bytes.length === 0) return
    if (held) stream.push(held)
    held = bytes
  })
  const stream = new Transform({
    transform(bytes: Buffer, _, done) {
      done(failureOf(() => reader.push(bytes)))
    },
    flush(done) {
      const failure = failureOf(reader.end)
      if (!failure && held) stream.push(held)
      held = null
      done(failure)
    },
  })
  finished(source, { writable: false }, error => {
    if (error) stream.destroy(error)
  })
  source.pipe(stream)
  return { stream, checksums: reader.checksums }
}

function failureOf(step: () => void): Error | null {
  try {
    step()
    return null
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}
