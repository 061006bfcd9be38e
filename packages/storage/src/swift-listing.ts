import { MortiseError } from '@mortise/errors'
import type { RemoteAnswer, RemoteQuestion } from './remote-listing.ts'
import type { SwiftAnswer } from './swift-wire.ts'

/** The query of a listing. */
export function printListing({ prefix, delimiter, after, limit }: RemoteQuestion): URLSearchParams {
  return new URLSearchParams({
    format: 'json',
    limit: String(limit),
    ...(prefix ? { prefix } : {}),
    ...(delimiter ? { delimiter } : {}),
    ...(after ? { marker: after } : {}),
  })
}

/** The answer to it. Throws `storage_unavailable` for one that is no listing or breaks off. */
export async function readListing({ body }: SwiftAnswer, limit: number): Promise<RemoteAnswer> {
  try {
    const chunks: Buffer[] = []
    let bytes = 0
    for await (const chunk of body) {
      bytes += chunk.length
      if (bytes > maxListingBytes) throw new Error(`it has more than ${maxListingBytes} bytes`)
      chunks.push(chunk)
    }
    const entries: Entry[] = JSON.parse(Buffer.concat(chunks).toString())
    return {
      objects: entries.flatMap(entry => ('name' in entry ? [readEntry(entry)] : [])),
      prefixes: entries.flatMap(entry => ('subdir' in entry ? [entry.subdir] : [])),
      // Swift does not say whether there is more; a page that is not full is the last.
      more: entries.length >= limit,
    }
  } catch (error) {
    throw new MortiseError('storage_unavailable', 'oracle: the answer is no listing', { cause: error })
  }
}

/** 1,000 keys of 1,024 bytes, escaped, and what is said about them. */
const maxListingBytes = 8 * 1024 * 1024

type Entry = { subdir: string } | Named
type Named = { name: string; bytes: number; hash: string; last_modified: string }

function readEntry({ name, bytes, hash, last_modified: modified }: Named) {
  // In UTC, to the microsecond; the answers to all other requests round it up to the second.
  const seconds = Math.ceil(Date.parse(`${modified}Z`) / 1000)
  if (!Number.isSafeInteger(bytes) || !Number.isSafeInteger(seconds)) throw new Error('an entry without size or date')
  return { key: name, info: { size: bytes, etag: hash, lastModified: new Date(seconds * 1000) } }
}
