import type { Readable, Writable } from 'node:stream'

export type FormBody = {
  source: Readable
  /** Aborted when nobody wants the form any more. */
  signal: AbortSignal
  /** Of all of it. */
  maxBytes: number
}

/** Any of these may be called more than once. */
export type FormFailures = { broken(): void; aborted(): void; tooLarge(): void }

/**
 * Feeds the body of a form to its parser, which it ends but never destroys. Gives what ends the feeding; what nobody has
 * read then is the server's to pass over.
 */
export function feedForm(parser: Writable, { source, signal, maxBytes }: FormBody, on: FormFailures): () => void {
  const { broken, aborted, tooLarge } = on
  let bytes = 0
  const count = (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > maxBytes) tooLarge()
  }
  source.on('data', count).on('error', broken).on('aborted', broken)
  signal.addEventListener('abort', aborted, { once: true })
  if (signal.aborted) aborted()
  source.pipe(parser)
  return () => {
    signal.removeEventListener('abort', aborted)
    source.unpipe(parser)
    source.off('data', count).off('error', broken).off('aborted', broken)
    source.on('error', () => {})
    source.pause()
  }
}
