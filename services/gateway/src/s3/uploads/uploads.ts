import { createHash, type Hash, randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import type { Storage } from '@mortise/storage'
import { saidIn } from '../checksum.ts'
import { forEach } from '../concurrency.ts'
import { S3Error } from '../error.ts'
import { type BodyToStore, storeBody } from '../store-body.ts'
import { noSuchUpload } from '../upload-of.ts'
import { type Part, partName, readPartName } from './part-name.ts'
import { beginOf, idPages, keyPages, listing, places } from './places.ts'
import { createSweeper, type Sweeper, type SweeperOptions } from './sweeper.ts'
import { printRecord, readRecord, type UploadRecord } from './upload-record.ts'

export type { Part } from './part-name.ts'

export type Upload = UploadRecord & { id: string; bucket: string; initiated: Date }

/**
 * Uploads in parts that are not complete. All of it is objects under the reserved prefix in the storage of the bucket's
 * originals: any gateway goes on with what another one began.
 *
 *     /.mortise/uploads/<id>/record        what is to become of it
 *                            data/<name>   the bytes of a part
 *                            parts/<...>   empty: number, MD5, size, and the name of its data; written after that
 */
export type Uploads = AsyncDisposable & {
  /** Begins one; gives its id. */
  create(bucket: string, record: UploadRecord, signal: AbortSignal): Promise<string>
  /** `null` when there is none with that id (any more). */
  find(bucket: string, id: string, signal: AbortSignal): Promise<Upload | null>
  /** Throws `NoSuchUpload` when it was removed meanwhile. */
  addPart(
    upload: Upload,
    number: number,
    body: BodyToStore,
    signal: AbortSignal,
  ): Promise<{ part: Part; checksums: Record<string, string> }>
  /** By number, in its order; all that came under one number, the latest last. */
  parts(upload: Upload, signal: AbortSignal): Promise<Map<number, Part[]>>
  /** The bytes of those parts, one after the other, each opened when its turn comes. */
  joined(upload: Upload, parts: Part[], signal: AbortSignal): Readable
  /** From then on it is not found; what it held goes in the background, or when it is old enough. */
  remove(upload: Upload, signal: AbortSignal): Promise<void>
  /** Those of a bucket, the oldest first. */
  each(bucket: string, signal: AbortSignal): AsyncIterable<Upload>
  /** Removes what is too old, in every bucket. Never rejects. */
  sweep(): Promise<void>
}

export type UploadsOptions = Omit<SweeperOptions, 'storageOf'> & {
  /** By name as in a Plan. */
  storage(name: string): Storage
}

const atOnce = 8
/** More markers than this are of somebody who sends the same part again and again. */
const maxMarkers = 50_000

export function createUploads({ storage, ...options }: UploadsOptions): Uploads {
  const storageOf = (bucket: string) => storage(`${bucket}/basic`)
  const sweeper: Sweeper = createSweeper({ ...options, storageOf })
  const { now } = options

  async function find(bucket: string, id: string, signal: AbortSignal): Promise<Upload | null> {
    const initiated = beginOf(id)
    if (!initiated) return null
    const object = await storageOf(bucket).get({ bucket, key: places.record(id) }, { signal })
    const record = object && (await readRecord(object))
    return record && { ...record, id, bucket, initiated }
  }

  return {
    find,
    sweep: sweeper.sweep,
    [Symbol.asyncDispose]: () => sweeper[Symbol.asyncDispose](),

    async create(bucket, record, signal) {
      const storage = storageOf(bucket)
      listing(storage)
      // It begins with the time, so that the oldest are found first.
      const id = now().toString(36).padStart(9, '0') + randomBytes(16).toString('hex')
      const body = printRecord(record)
      await storage.put({ bucket, key: places.record(id) }, { body, size: body.byteLength }, signal)
      return id
    },

    async addPart({ bucket, id }, number, body, signal) {
      const storage = storageOf(bucket)
      const data = randomBytes(12).toString('hex')
      const at = { bucket, key: places.data(id, data) }
      const hash = createHash('md5')
      const hashed = (stream: Readable) => Readable.from(hashing(stream, hash), { objectMode: false })
      const { checksums } = await storeBody(storage, at, body, {}, signal, hashed)
      const name = partName({
        number,
        time: now(),
        md5: hash.digest('hex'),
        size: body.size,
        data,
        checksum: saidIn(checksums),
      })
      const marker = { bucket, key: places.parts(id) + name }
      await storage.put(marker, { body: new Uint8Array(), size: 0 }, signal)
      // Whoever removed it meanwhile may have passed here already.
      const kept = await storage.head({ bucket, key: places.record(id) }, signal)
      if (kept) return { part: readPartName(name)!, checksums }
      await Promise.all([storage.delete(marker, signal), storage.delete(at, signal)])
      throw noSuchUpload()
    },

    async parts({ bucket, id }, signal) {
      const found = new Map<number, Part[]>()
      const prefix = places.parts(id)
      let count = 0
      for await (const keys of keyPages(storageOf(bucket), bucket, prefix, signal)) {
        count += keys.length
        if (count > maxMarkers) throw new S3Error('InvalidRequest', 'The upload has had too many parts.')
        for (const key of keys) {
          const part = readPartName(key.slice(prefix.length))
          if (!part) continue
          // They come in the order of number and time.
          const same = found.get(part.number)
          if (same) same.push(part)
          else found.set(part.number, [part])
        }
      }
      return found
    },

    joined: ({ bucket, id }, parts, signal) =>
      Readable.from(join(storageOf(bucket), { bucket, id }, parts, signal), { objectMode: false }),

    async remove({ bucket, id }, signal) {
      await storageOf(bucket).delete({ bucket, key: places.record(id) }, signal)
      sweeper.clearSoon(bucket, id)
    },

    async *each(bucket, signal) {
      for await (const ids of idPages(storageOf(bucket), bucket, signal)) {
        const found = await forEach(ids, atOnce, id => find(bucket, id, signal))
        yield* found.filter(upload => upload !== null)
      }
    },
  }
}

async function* join(
  storage: Storage,
  { bucket, id }: Pick<Upload, 'bucket' | 'id'>,
  parts: Part[],
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  for (const { data, number } of parts) {
    const object = await storage.get({ bucket, key: places.data(id, data) }, { signal })
    if (!object) throw new S3Error('InvalidPart', `Part ${number} is gone.`)
    await using open = object
    yield* open.stream()
  }
}

async function* hashing(stream: Readable, hash: Hash): AsyncGenerator<Buffer> {
  for await (const bytes of stream) {
    hash.update(bytes)
    yield bytes
  }
}
