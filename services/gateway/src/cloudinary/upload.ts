import type { AccessKey, BucketConfig } from '@mortise/config'
import { MortiseError } from '@mortise/errors'
import type { Location } from '@mortise/plan'
import type { NewObject, ObjectInfo } from '@mortise/storage'
import { targetOf } from '../s3/delete-object.ts'
import type { S3Deps } from '../s3/deps.ts'
import { one } from '../s3/object-headers.ts'
import { writableLocation } from '../s3/own-object.ts'
import type { Room } from '../s3/room.ts'
import type { S3Request } from '../s3/s3.ts'
import { headBytes, pictureType } from './picture-type.ts'
import { publicIdOf, randomId } from './public-id.ts'
import { type Form, readForm } from './read-form.ts'
import { UploadRefusal } from './refusal.ts'
import { type Field, isProven, signAnswer, textOf } from './signature.ts'
import { type Spooled, spool } from './spool.ts'

export type UploadDeps = Pick<
  S3Deps,
  'planner' | 'storage' | 'originals' | 'uploadBytes' | 'now' | 'slots' | 'strangers' | 'pace'
> & {
  /** For files of forms that are proven to come from somebody with the key, and of all others. */
  room: { proven: Room; strangers: Room }
}

export type UploadRequest = Omit<S3Request, 'watch'> & { bucket: BucketConfig }

/** Bytes of a file before which nobody said who he is, and of any. More is for uploads in parts, by S3. */
const maxFile = { strangers: 64 * 1024 * 1024, proven: 1024 * 1024 * 1024 }
/** Of a form besides its file. */
const overhead = 1024 * 1024
/** Milliseconds for a form until it is proven whose it is. */
const unprovenMs = 60_000

/** One upload: mort's checks in mort's order, and then the bytes. Nothing is stored before they all hold. */
export async function upload(request: UploadRequest, deps: UploadDeps): Promise<Response> {
  const { bucket, headers, signal } = request
  const [key] = bucket.keys
  if (!key || bucket.keys.length !== 1) throw new UploadRefusal('configuration')
  if (!isWhole(one(headers, 'content-range'))) throw new UploadRefusal('inParts')
  using place = takePlace(deps)
  await using form = await receive(request, { key, place }, deps)
  const { fields, fileNames } = form
  if (!isProven(fields, key, deps.now())) throw new UploadRefusal('signature')
  place.prove()
  if (fileNames.size !== 1) throw new UploadRefusal('oneFile')
  if (!form.file) throw new UploadRefusal('fileName')
  const { kept, contentType: said, name } = form.file
  const contentType = pictureType(said, await kept.head(headBytes))
  if (contentType === null) throw new UploadRefusal('contentType')
  if (kept.size === 0) throw new UploadRefusal('empty')
  const publicId = publicIdOf(fields)
  const location = placeOf(publicId, request, deps)
  const facts = { contentType, md5: true } as const
  const stored = await store(location, { ...facts, size: kept.size }, { kept, fields, signal }, deps)
  return answer(request, { publicId, fields, key, name, ...stored })
}

/** A stranger has little room and little time; who has proven himself before his file comes has more. */
async function receive(
  { headers, body, signal }: UploadRequest,
  { key, place }: { key: AccessKey; place: Place },
  { now, room, uploadBytes }: UploadDeps,
): Promise<Form<Spooled>> {
  const late = new AbortController()
  const timer = setTimeout(() => late.abort(new UploadRefusal('tooLate')), unprovenMs)
  const keep = async (stream: Parameters<typeof spool>[0], fieldsBefore: readonly Field[]) => {
    const who = isProven(fieldsBefore, key, now()) ? 'proven' : 'strangers'
    if (who === 'proven') {
      place.prove()
      clearTimeout(timer)
    }
    const tooLarge = () =>
      new UploadRefusal(who === 'proven' || uploadBytes < maxFile.strangers ? 'tooLarge' : 'tooLargeUnproven')
    return spool(stream, { room: room[who], maxBytes: Math.min(maxFile[who], uploadBytes), tooLarge })
  }
  try {
    const form = {
      contentType: one(headers, 'content-type') ?? '',
      body,
      signal: AbortSignal.any([signal, late.signal, place.lost]),
      maxBytes: Math.min(maxFile.proven, uploadBytes) + overhead,
    }
    return await readForm(form, keep)
  } finally {
    clearTimeout(timer)
  }
}

type Place = Disposable & {
  /** Throws `overloaded` when there is none for those who are proven. */
  prove(): void
  /** Aborted when it is given to somebody who came later. */
  lost: AbortSignal
}

/** One among the strangers, until it is known who it is. */
function takePlace({ slots, strangers }: UploadDeps): Place {
  const lost = new AbortController()
  const among = strangers.enter(() => lost.abort(new MortiseError('overloaded', 'too many forms at one time')))
  let slot: Disposable | undefined
  return {
    lost: lost.signal,
    prove() {
      slot ??= slots.take()
      among[Symbol.dispose]()
    },
    [Symbol.dispose]() {
      among[Symbol.dispose]()
      slot?.[Symbol.dispose]()
    },
  }
}

function placeOf(publicId: string, { bucket }: UploadRequest, deps: UploadDeps): Location {
  const key = `/${publicId}`
  try {
    return writableLocation({ bucket, key, target: targetOf({ bucket }, key) }, deps)
  } catch (cause) {
    // A name that stands for a picture which is made of another one, for example.
    if (cause instanceof MortiseError) throw new UploadRefusal('publicId', { cause })
    throw cause
  }
}

type Stored = { info: ObjectInfo; contentType: string; time: Date; existing: boolean }

/** As in Cloudinary, a name that is taken is given a new picture, unless the sender does not want that. */
async function store(
  location: Location,
  facts: Omit<NewObject, 'body'> & { contentType: string },
  { kept, fields, signal }: { kept: Spooled; fields: readonly Field[]; signal: AbortSignal },
  { storage: storages, originals, now }: UploadDeps,
): Promise<Stored> {
  const storage = storages(location.storage)
  const keeps = /^(?:0|false)$/i.test(textOf(fields, 'overwrite') ?? '')
  try {
    const object = { ...facts, body: kept.stream(), ...(keeps ? ({ ifAbsent: true } as const) : {}) }
    const info = await storage.put(location, object, signal)
    await originals.written(location)
    return { info, contentType: facts.contentType, time: new Date(now()), existing: false }
  } catch (error) {
    const taken = keeps && error instanceof MortiseError && error.code === 'precondition_failed'
    const info = taken ? await storage.head(location, signal) : null
    if (!info) throw error
    return { info, contentType: info.contentType ?? facts.contentType, time: info.lastModified, existing: true }
  }
}

type Answered = Stored & { publicId: string; fields: readonly Field[]; key: AccessKey; name: string }

function answer(
  request: UploadRequest,
  { publicId, fields, key, name, info, contentType, time, existing }: Answered,
): Response {
  const version = Math.floor(time.getTime() / 1000)
  const body = JSON.stringify({
    asset_id: randomId(8),
    public_id: publicId,
    version,
    signature: signAnswer(publicId, version, key.secretAccessKey, fields),
    format: contentType.split(';', 1)[0]?.split('/')[1] ?? '',
    resource_type: 'image',
    created_at: new Date(version * 1000).toISOString().replace('.000', ''),
    bytes: info.size,
    type: 'upload',
    etag: info.etag,
    ...addressesOf(request, publicId),
    original_filename: name,
    ...(existing ? { existing } : {}),
  })
  const headers = { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }
  return new Response(body, { headers: { ...headers, 'x-content-type-options': 'nosniff' } })
}

/** Where the client found this server, he finds the picture; over TLS when a proxy says that he came so. */
function addressesOf({ bucket, headers }: UploadRequest, publicId: string): { url?: string; secure_url?: string } {
  const host = one(headers, 'host') ?? ''
  if (!/^[\w.:[\]-]+$/.test(host)) return {}
  const rest = `//${host}${targetOf({ bucket }, `/${publicId}`)}`
  const secure = one(headers, 'x-forwarded-proto') === 'https'
  return { url: `http:${rest}`, ...(secure ? { secure_url: `https:${rest}` } : {}) }
}

/** Cloudinary's libraries send large files in several requests, with a range in each; in one when they are small enough. */
function isWhole(range: string | undefined): boolean {
  if (range === undefined) return true
  const [, first, last, total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(range) ?? []
  return first === '0' && Number(last) + 1 === Number(total)
}
