import type { BucketCall, Signed } from './call.ts'
import type { S3Deps } from './deps.ts'
import { S3Error } from './error.ts'
import type { Upload } from './uploads/uploads.ts'
import { xmlResponse } from './xml.ts'

/** The uploads that nobody completed, in the order of their keys. All are looked at, and no more kept than are told. */
export async function listUploads(call: Signed<BucketCall>, deps: S3Deps): Promise<Response> {
  const { bucket, query, signal } = call
  const text = (name: string) => query.get(name) ?? ''
  const [prefix, delimiter] = [text('prefix'), text('delimiter')]
  const limit = Math.min(readLimit(query.get('max-uploads')), 1000)
  const [keyMarker, idMarker] = [text('key-marker'), text('upload-id-marker')]
  const print = printer(query.get('encoding-type'))

  const told = await firstEntries(deps.uploads.each(bucket.name, signal), limit + 1, upload =>
    upload.key.startsWith(`/${prefix}`) && isBehind(upload, { keyMarker, idMarker, delimiter })
      ? entryOf(upload, prefix, delimiter)
      : null,
  )
  const page = told.slice(0, limit)
  const uploads = page.flatMap(({ upload }) => upload ?? [])
  const prefixes = page.flatMap(({ key, upload }) => (upload ? [] : [key]))
  const next = told.length > limit ? (page.at(-1) ?? null) : null
  return xmlResponse('ListMultipartUploadsResult', {
    Bucket: bucket.name,
    KeyMarker: print(keyMarker),
    UploadIdMarker: idMarker,
    NextKeyMarker: next === null ? undefined : print(next.key),
    NextUploadIdMarker: next?.upload?.id,
    Prefix: print(prefix),
    Delimiter: delimiter === '' ? undefined : print(delimiter),
    EncodingType: query.get('encoding-type'),
    MaxUploads: limit,
    IsTruncated: next !== null,
    Upload: uploads.map(({ key, id, initiator, initiated }) => ({
      Key: print(key.slice(1)),
      UploadId: id,
      Initiator: { ID: initiator, DisplayName: initiator },
      Owner: { ID: initiator, DisplayName: initiator },
      StorageClass: 'STANDARD',
      Initiated: initiated.toISOString(),
    })),
    CommonPrefixes: prefixes.map(Prefix => ({ Prefix: print(Prefix) })),
  })
}

/** One line of the listing: an upload, or a common prefix. */
type Entry = { key: string; upload?: Upload }

function entryOf(upload: Upload, prefix: string, delimiter: string): Entry {
  const key = upload.key.slice(1)
  const at = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length)
  return at === -1 ? { key, upload } : { key: key.slice(0, at + delimiter.length) }
}

/** The first entries in their order, each once. Never more than twice as many are kept. */
async function firstEntries(
  uploads: AsyncIterable<Upload>,
  count: number,
  read: (upload: Upload) => Entry | null,
): Promise<Entry[]> {
  let first = new Map<string, Entry>()
  const cut = () => {
    first = new Map([...first].sort(([, a], [, b]) => byKey(a, b)).slice(0, count))
  }
  for await (const upload of uploads) {
    const entry = read(upload)
    if (!entry) continue
    first.set(`${entry.key}\0${entry.upload?.id ?? ''}`, entry)
    if (first.size >= 2 * count) cut()
  }
  cut()
  return [...first.values()]
}

function byKey(a: Entry, b: Entry): number {
  return (
    Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)) || ((a.upload?.id ?? '') < (b.upload?.id ?? '') ? -1 : 1)
  )
}

type Markers = { keyMarker: string; idMarker: string; delimiter: string }

function isBehind({ key, id }: Upload, { keyMarker, idMarker, delimiter }: Markers): boolean {
  if (keyMarker === '') return true
  // It was told by its common prefix, on the page before.
  if (delimiter !== '' && keyMarker.endsWith(delimiter) && key.startsWith(`/${keyMarker}`)) return false
  const order = Buffer.compare(Buffer.from(key), Buffer.from(`/${keyMarker}`))
  return order > 0 || (order === 0 && idMarker !== '' && id > idMarker)
}

function readLimit(text: string | undefined): number {
  if (text === undefined || text === '') return 1000
  if (/^\d{1,10}$/.test(text)) return Number(text)
  throw new S3Error('InvalidArgument', 'max-uploads must be a whole number.', { ArgumentName: 'max-uploads' })
}

function printer(encoding: string | undefined): (text: string) => string {
  return encoding === 'url' ? text => encodeURIComponent(text).replaceAll('%2F', '/') : text => text
}
