import { MortiseError } from '@mortise/errors'
import { type GoogleResource, googleInfo } from './google-object.ts'
import type { RemoteAnswer, RemoteQuestion } from './remote-listing.ts'

/** The query of a listing. */
export function printListing({ prefix, delimiter, after, limit, token }: RemoteQuestion): URLSearchParams {
  return new URLSearchParams({
    // It begins with the key itself.
    maxResults: String(limit + 1),
    fields: 'items(name,size,generation,metageneration,updated),prefixes,nextPageToken',
    ...(prefix ? { prefix } : {}),
    ...(delimiter ? { delimiter } : {}),
    ...(after ? { startOffset: after } : {}),
    ...(token ? { pageToken: token } : {}),
  })
}

/** 1,000 keys of 1,024 bytes, escaped, with all that an emulator says of them unasked. */
export const maxListingBytes = 8 * 1024 * 1024

/** The answer to it. Throws `storage_unavailable` for one that is no listing. */
export function readListing(text: string): RemoteAnswer {
  try {
    const { items = [], prefixes = [], nextPageToken }: Answer = JSON.parse(text)
    const objects = items.map(item => {
      const { size, etag, lastModified } = googleInfo(item, item.name)
      if (!Number.isSafeInteger(size)) throw new Error('an entry without a size')
      return { key: item.name, info: { size, etag, lastModified } }
    })
    return { objects, prefixes, more: nextPageToken || false }
  } catch (error) {
    throw new MortiseError('storage_unavailable', 'Google answered with what is no listing', { cause: error })
  }
}

type Answer = { items?: (GoogleResource & { name: string })[]; prefixes?: string[]; nextPageToken?: string }
