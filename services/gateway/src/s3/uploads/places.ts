import { type Listing, type ListOptions, reservedPrefix, type Storage } from '@mortise/storage'
import { S3Error } from '../error.ts'

const root = `${reservedPrefix}uploads/`
const idPattern = /^([0-9a-z]{9})[0-9a-f]{32}$/
const pageSize = 1000

/** Where things of uploads are; see `uploads.ts`. */
export const places = {
  of: (id: string) => `${root}${id}/`,
  record: (id: string) => `${root}${id}/record`,
  data: (id: string, name: string) => `${root}${id}/data/${name}`,
  parts: (id: string) => `${root}${id}/parts/`,
}

/** When the upload with that id began; `null` when it is none. */
export function beginOf(id: string): Date | null {
  const time = idPattern.exec(id)?.[1]
  return time === undefined ? null : new Date(Number.parseInt(time, 36))
}

/** Ids of uploads, the oldest first, in pages. */
export async function* idPages(storage: Storage, bucket: string, signal: AbortSignal): AsyncGenerator<string[]> {
  for await (const { prefixes } of pages(storage, bucket, { ...all(root, signal), delimiter: '/' })) {
    yield prefixes.map(prefix => prefix.slice(root.length, -1)).filter(id => idPattern.test(id))
  }
}

/** All keys that begin so, in pages. */
export async function* keyPages(
  storage: Storage,
  bucket: string,
  prefix: string,
  signal: AbortSignal,
): AsyncGenerator<string[]> {
  for await (const { objects } of pages(storage, bucket, all(prefix, signal))) yield objects.map(({ key }) => key)
}

/** Throws `NotImplemented` for a kind that cannot tell its keys, where no upload could ever be completed. */
export function listing(storage: Storage): NonNullable<Storage['list']> {
  if (storage.list) return storage.list
  throw new S3Error('NotImplemented', 'The storage of this bucket cannot hold uploads in parts.')
}

const all = (prefix: string, signal: AbortSignal) => ({ prefix, limit: pageSize, signal })

async function* pages(storage: Storage, bucket: string, options: ListOptions): AsyncGenerator<Listing> {
  const list = listing(storage)
  for (let after: string | null = ''; after !== null; ) {
    const page: Listing = await list(bucket, after === '' ? options : { ...options, after })
    yield page
    after = page.next
  }
}
