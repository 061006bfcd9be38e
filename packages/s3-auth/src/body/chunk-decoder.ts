import { S3Refusal } from '../refusal.ts'

/** What is in the frames, in the order in which it comes. Any of these may throw. */
export type ChunkEvents = {
  /** A chunk begins; the last one has size 0. `extension` is what follows the size and a semicolon. */
  start(size: number, extension: string): void
  /** Some of its bytes, never none. */
  data(bytes: Buffer): void
  /** All of its bytes have come. */
  end(): void
  /** A line after the last chunk, without its end. */
  trailer(line: string): void
  /** Has all come that is to follow the last chunk? */
  complete(): boolean
}

/** The longest line takes 85 bytes; and after the last chunk come a few. */
const maxLineBytes = 1024
const maxTrailerLines = 16

/**
 * Reads the frames of `aws-chunked`: `size;extension CRLF bytes CRLF`, at last a chunk of size 0, trailers and an empty
 * line. It holds no more than an unfinished line, however the bytes are split. Throws `S3Refusal`.
 *
 * Writers disagree on where empty lines stand around the trailers, and whether one ends them. So empty lines count only
 * when all has come that was announced, and then the body may also end without one.
 */
export function createChunkDecoder(on: ChunkEvents): { push(bytes: Buffer): void; end(): void } {
  let state: 'size' | 'data' | 'data-end' | 'trailers' | 'done' = 'size'
  let left = 0
  let line = ''
  let trailerLines = 0

  return {
    push(bytes) {
      let at = 0
      while (at < bytes.length) {
        if (state === 'done') throw new S3Refusal('IncompleteBody', 'Bytes follow the end of the chunks.')
        at = state === 'data' ? takeData(bytes, at) : takeLine(bytes, at)
      }
    },
    end() {
      if (state === 'done' || (state === 'trailers' && line === '' && on.complete())) return
      throw new S3Refusal('IncompleteBody', 'The body ended before its last chunk, or its trailers.')
    },
  }

  function takeData(bytes: Buffer, at: number): number {
    const piece = bytes.subarray(at, at + left)
    left -= piece.length
    on.data(piece)
    if (left === 0) {
      on.end()
      state = 'data-end'
    }
    return at + piece.length
  }

  function takeLine(bytes: Buffer, at: number): number {
    const feed = bytes.indexOf(10, at)
    const next = feed === -1 ? bytes.length : feed + 1
    if (line.length + next - at > maxLineBytes) throw badFrame()
    line += bytes.toString('latin1', at, next)
    if (feed !== -1) {
      const ended = line
      line = ''
      readLine(ended)
    }
    return next
  }

  function readLine(ended: string): void {
    if (state === 'trailers') readTrailer(ended.replace(/\r?\n$/, ''))
    else if (!ended.endsWith('\r\n')) throw badFrame()
    else if (state === 'size') readSize(ended.slice(0, -2))
    else if (ended === '\r\n') state = 'size'
    else throw badFrame()
  }

  function readSize(text: string): void {
    const [, digits, extension = ''] = /^([0-9a-fA-F]{1,12})(?:;(.*))?$/.exec(text) ?? []
    if (digits === undefined) throw badFrame()
    left = Number.parseInt(digits, 16)
    on.start(left, extension)
    if (left > 0) {
      state = 'data'
      return
    }
    on.end()
    state = 'trailers'
  }

  function readTrailer(text: string): void {
    if (text === '') {
      if (on.complete()) state = 'done'
    } else on.trailer(text)
    if (++trailerLines > maxTrailerLines)
      throw new S3Refusal('MalformedTrailerError', 'Too many lines follow the last chunk.')
  }
}

function badFrame(): S3Refusal {
  return new S3Refusal('InvalidRequest', 'The chunks of the body are malformed.')
}
