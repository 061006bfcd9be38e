import { limitTime } from '@mortise/async'
import { MortiseError } from '@mortise/errors'
import type { Listing, Storage } from '@mortise/storage'
import type { Patience } from './patience.ts'

export type Found = Listing['objects'][number]

export type OriginalsOptions = {
  bucket: string
  /** Begins with a slash. */
  prefix: string
  patience: Patience
  signal: AbortSignal
  /** Milliseconds for a page. */
  timeout: number
}

const pageSize = 1000

/** The objects of a bucket, a page at a time. Throws `unsupported` when the storage cannot tell its keys. */
export async function* listPages(
  storage: Storage,
  { bucket, prefix, patience, signal, timeout }: OriginalsOptions,
): AsyncGenerator<Found[]> {
  const { list } = storage
  if (!list) throw new MortiseError('unsupported', `a storage of the kind ${storage.kind} cannot tell its keys`)
  const late = () => new MortiseError('storage_unavailable', 'list: no answer in time')
  for (let after = ''; ; ) {
    const page = await patience.try(
      () =>
        limitTime(timeout, signal, limited => list(bucket, { prefix, after, limit: pageSize, signal: limited }), late),
      signal,
    )
    // A folder is no object.
    yield page.objects.filter(({ key }) => !key.endsWith('/'))
    if (page.next === null) return
    after = page.next
  }
}
