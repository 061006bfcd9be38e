import type { BucketCall, Signed } from './call.ts'
import type { S3Deps } from './deps.ts'
import { S3Error } from './error.ts'
import type { Upload } from './uploads/uploads.ts'
import { xmlResponse } from './xml.ts'

/** The uploads that nobody completed, in the order of their keys. Of very many, only the oldest are looked at. */
export async function listUploads(call: Signed<BucketCall>, deps: S3Deps): Promise<Response> {
  const { bucket, query, signal } = call
  const text = (name: string) => query.get(name) ?? ''
  const [prefix, delimiter] = [text('prefix'), text('delimiter')]
  const limit = Math.min(readLimit(query.get('max-uploads')), 1000)
  const [keyMarker, idMarker] = [text('key-marker'), text('upload-id-marker')]
  const print = printer(query.get('encoding-type'))

  const all = (await deps.uploads.list(bucket.name, signal)).filter(({ key }) => key.startsWith(`/${prefix}`))
  const behind = all.sort(byKey).filter(upload => isBehind(upload, { keyMarker, idMarker, delimiter }))
  const { uploads, prefixes, next } = page(behind, prefix, delimiter, limit)
  return xmlResponse('ListMultipartUploadsResult', {
    Bucket: bucket.name,
    KeyMarker: print(keyMarker),
    UploadIdMarker: idMarker,
    NextKeyMarker: next === null ? undefined : print(next.key),
    NextUploadIdMarker: next?.id,
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

function page(behind: Upload[], prefix: string, delimiter: string, limit: number) {
  const uploads: Upload[] = []
  const prefixes = new Set<string>()
  let last: { key: string; id?: string } | null = null
  for (const upload of behind) {
    const key = upload.key.slice(1)
    const at = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length)
    const common = at === -1 ? null : key.slice(0, at + delimiter.length)
    if (common !== null && prefixes.has(common)) continue
    if (uploads.length + prefixes.size >= limit) return { uploads, prefixes: [...prefixes], next: last }
    if (common === null) uploads.push(upload)
    else prefixes.add(common)
    last = common === null ? { key, id: upload.id } : { key: common }
  }
  return { uploads, prefixes: [...prefixes], next: null }
}

function byKey(a: Upload, b: Upload): number {
  return Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)) || (a.id < b.id ? -1 : 1)
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
