import { hash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { MortiseError } from '@mortise/errors'
import type { Placeholder } from '@mortise/gateway'
import type { Storage } from '@mortise/storage'

/** No bucket can have this name, so no URL and no bucket's storage leads there. */
const bucket = '-'
const originals = `${bucket}/placeholder`
const derivatives = `${bucket}/transform`

/** It goes out with every error that it stands for, and is kept in memory. */
const maxBytes = 4 * 1024 * 1024
const defaultTimeoutMs = 10_000

/**
 * Reads the image that is sent instead of errors, once, at start: a file, or a URL when it begins with `http`. Throws
 * `invalid_config` when there is none that could be sent.
 */
export async function readPlaceholder(
  source: string | null,
  { timeoutMs = defaultTimeoutMs } = {},
): Promise<Placeholder | null> {
  if (source === null) return null
  const refuse = (reason: string, cause?: unknown) =>
    new MortiseError('invalid_config', `server.placeholder: ${nameOf(source)} ${reason}`, { cause })
  const bytes = await (isUrl(source) ? download(source, timeoutMs) : readFile(source)).catch(error => {
    throw refuse(error instanceof MortiseError ? error.message : `cannot be read: ${reasonOf(error)}`, error)
  })
  const contentType = typeOf(bytes)
  if (!contentType) throw refuse('is no JPEG, PNG, GIF, WebP, AVIF, TIFF or SVG')
  // Another image has another key, so that what was made of the old one is not taken for it.
  const key = `/${hash('sha256', bytes, 'hex').slice(0, 32)}`
  return {
    ...{ bytes, contentType },
    original: { storage: originals, bucket, key },
    derivative: { storage: derivatives, bucket, key },
  }
}

/** What the configuration takes for a URL, as mort does. */
export function isUrl(source: string): boolean {
  return source.startsWith('http')
}

/** Without what opens doors. */
function nameOf(source: string): string {
  if (!isUrl(source)) return source
  const url = URL.parse(source)
  return url ? url.origin + url.pathname : 'the URL'
}

/**
 * The storages that workers and gateways have for it, by name: one that holds it, and one that holds nothing, because
 * what is made of it travels through the queue.
 */
export async function placeholderStorages({ bytes, contentType, original }: Placeholder): Promise<[string, Storage][]> {
  const { createMemoryStorage } = await import('@mortise/storage/memory')
  const { createNoopStorage } = await import('@mortise/storage/noop')
  const storage = createMemoryStorage({ maxBytes: 2 * maxBytes })
  await storage.put(
    original,
    { body: bytes, size: bytes.byteLength, contentType },
    AbortSignal.timeout(defaultTimeoutMs),
  )
  return [
    [originals, storage],
    [derivatives, createNoopStorage()],
  ]
}

async function readFile(path: string): Promise<Uint8Array> {
  await using file = await open(path)
  const { size } = await file.stat()
  if (size > maxBytes) throw tooLarge()
  const bytes = Buffer.alloc(size)
  const { bytesRead } = await file.read(bytes, 0, size, 0)
  return bytes.subarray(0, bytesRead)
}

async function download(url: string, timeoutMs: number): Promise<Uint8Array> {
  const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) })
  const chunks: Uint8Array[] = []
  let size = 0
  if (!response.ok) throw new MortiseError('invalid_config', `cannot be read: its server answers ${response.status}`)
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength
    if (size > maxBytes) throw tooLarge()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** By the first bytes; `null` for what is none of these. */
function typeOf(bytes: Uint8Array): string | null {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, 1024)).toString('latin1')
  return types.find(([, pattern]) => pattern.test(head))?.[0] ?? null
}

const types: [type: string, pattern: RegExp][] = [
  ['image/jpeg', /^\xff\xd8\xff/],
  ['image/png', /^\x89PNG\r\n\x1a\n/],
  ['image/gif', /^GIF8[79]a/],
  ['image/webp', /^RIFF.{4}WEBP/s],
  ['image/avif', /^.{4}ftyp(?:avif|avis|mif1|msf1)/s],
  ['image/tiff', /^(?:II\*\0|MM\0\*)/],
  ['image/svg+xml', /^(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)?(?:<!DOCTYPE svg[^>]*>\s*)?<svg[\s>]/s],
]

function tooLarge(): MortiseError {
  return new MortiseError('invalid_config', `has more than ${maxBytes / 1024 / 1024} MiB`)
}

function reasonOf(error: unknown): string {
  const { name, message, code, cause } = error as NodeJS.ErrnoException & { cause?: NodeJS.ErrnoException }
  if (name === 'TimeoutError') return 'it takes too long'
  return code ?? cause?.code ?? cause?.message ?? message
}
