import { Readable } from 'node:stream'
import { MortiseError } from '@mortise/errors'
import { readBody, withBody } from './body.ts'
import { checkCondition, isConditional, preconditionFailed } from './condition.ts'
import { configuredHeaders, fromHeaders, guessContentType, toHeaders } from './headers.ts'
import { createPlaces, placeOfBucket } from './keys.ts'
import { checkRange, printRange } from './range.ts'
import { listRemote, type RemoteAnswer, type RemoteQuestion } from './remote-listing.ts'
import { printListing, readListing } from './s3-listing.ts'
import { s3Info, s3Object } from './s3-object.ts'
import { printRestore, restoredCodes } from './s3-restore.ts'
import { createS3Wire, drain, nameCodes, readRefusal, refusal, type S3Request } from './s3-wire.ts'
import type { ByteRange, NewObject, ObjectInfo, ObjectRef, RestoreOptions, Storage } from './storage.ts'
import { encodeWords } from './words.ts'

export type S3StorageOptions = {
  /** `https://host:port`, or without a scheme for https. Absent: Amazon. Given: path-style addresses. */
  endpoint?: string
  /** Absent: `us-east-1`. */
  region?: string
  accessKey: string
  secretAccessKey: string
  /** The container; absent: the bucket of each object. */
  bucket?: string
  pathPrefix?: string
  /** Set over the headers of every new object, such as `x-amz-acl`. */
  headers?: Record<string, string>
  /** Connections at most; further requests wait for one. Absent: 64. */
  maxSockets?: number
  /** Milliseconds to wait for a connection, an answer or the next bytes; not for a whole body. Absent: 10,000. */
  timeoutMs?: number
}

/**
 * Amazon S3 and what speaks its protocol. A get is one request; a put is one request too, so it is atomic. A put under a
 * condition looks first, then leaves the decision to the backend: one that does not know conditions on writing may lose
 * what others put between the two. The tag of an object is the backend's, which is the MD5 where that does not encrypt.
 */
export function createS3Storage(options: S3StorageOptions): Storage {
  const { region = 'us-east-1', maxSockets = 64, timeoutMs = 10_000 } = options
  const place = createPlaces(options)
  const configured = configuredHeaders(options.headers)
  const wire = createS3Wire({ ...options, region, maxSockets, timeoutMs })

  const address = (ref: ObjectRef) => {
    const { container, key } = place(ref)
    return { bucket: checkBucket(container), key }
  }

  async function get(ref: ObjectRef, { range, signal }: { range?: ByteRange; signal: AbortSignal }) {
    if (range) checkRange(range)
    const request: S3Request = { method: 'GET', ...address(ref), signal }
    const response = await wire.send({ ...request, signed: range ? { range: printRange(range) } : {} })
    if (response.statusCode === 404) return drain(response, timeoutMs).then(() => null)
    if (response.statusCode === 416) {
      await drain(response, timeoutMs)
      throw new MortiseError('range_not_satisfiable', `range ${printRange(range!)} of ${ref.key}`)
    }
    if (response.statusCode !== 200 && response.statusCode !== 206) throw await refusal(request, response, timeoutMs)
    return s3Object(response, { key: ref.key, ...(range ? { range } : {}), signal, timeoutMs })
  }

  async function head(ref: ObjectRef, signal: AbortSignal): Promise<ObjectInfo | null> {
    const request: S3Request = { method: 'HEAD', ...address(ref), signal }
    const response = await wire.send(request)
    if (response.statusCode !== 200 && response.statusCode !== 404) throw await refusal(request, response, timeoutMs)
    await drain(response, timeoutMs)
    if (response.statusCode === 404) return null
    return s3Info(response.headers, Number(response.headers['content-length']), ref.key)
  }

  async function ask(bucket: string, question: RemoteQuestion, signal: AbortSignal): Promise<RemoteAnswer> {
    const request: S3Request = { method: 'GET', bucket, query: printListing(question), signal }
    const response = await wire.send(request)
    if (response.statusCode === 200) return readListing(response, timeoutMs)
    if (response.statusCode !== 404) {
      const { s3Code, error } = await readRefusal(request, response, timeoutMs)
      // No key begins with what is none.
      if (!nameCodes.has(s3Code)) throw error
    } else await drain(response, timeoutMs)
    return { objects: [], prefixes: [], more: false }
  }

  async function put(ref: ObjectRef, object: NewObject, signal: AbortSignal): Promise<ObjectInfo> {
    const at = address(ref)
    const conditional = isConditional(object)
    if (conditional) checkCondition(object, await head(ref, signal))
    if (object.size > maxPutBytes) throw new MortiseError('too_large', `${object.size} bytes in one put to S3`)
    const contentType = object.contentType ?? guessContentType(at.key)
    const headers = { ...toHeaders({ ...object, ...(contentType ? { contentType } : {}) }), ...configured }
    const amazon = Object.entries(headers).filter(([name]) => name.startsWith('x-amz-'))
    const rest = Object.entries(headers).filter(([name]) => !name.startsWith('x-amz-'))
    const request: S3Request = {
      method: 'PUT',
      ...at,
      signal,
      signed: {
        ...Object.fromEntries(amazon.map(([name, value]) => [name, encodeWords(value)])),
        ...(object.ifAbsent ? { 'if-none-match': '*' } : {}),
        ...(object.ifMatch && object.ifMatch !== '*' ? { 'if-match': `"${object.ifMatch}"` } : {}),
      },
      unsigned: { ...Object.fromEntries(rest), 'content-length': String(object.size) },
      body: () => readBody(object, signal),
      // A try that was done although its answer was lost would make the next one fail.
      repeatable: object.body instanceof Uint8Array && !conditional,
    }
    const response = await wire.send(request)
    if (conditional && (response.statusCode === 412 || (response.statusCode === 404 && object.ifMatch))) {
      await drain(response, timeoutMs)
      throw preconditionFailed('the object was changed meanwhile')
    }
    if (response.statusCode !== 200) throw await refusal(request, response, timeoutMs)
    await drain(response, timeoutMs)
    // The answer does not say when the object was made; the clock of the backend at the end of the put is the nearest.
    const { lastModified, etag } = s3Info(response.headers, object.size, at.key, response.headers.date)
    return { ...fromHeaders(headers, at.key), size: object.size, etag, lastModified }
  }

  async function restore(ref: ObjectRef, { signal, ...how }: RestoreOptions): Promise<void> {
    const body = Buffer.from(printRestore(how))
    const request: S3Request = {
      ...{ method: 'POST', ...address(ref), query: 'restore', signal },
      unsigned: { 'content-type': 'application/xml', 'content-length': String(body.length) },
      body: () => Readable.from([body]),
    }
    const response = await wire.send(request)
    if (response.statusCode === 200 || response.statusCode === 202) return drain(response, timeoutMs)
    const { s3Code, error } = await readRefusal(request, response, timeoutMs)
    if (!restoredCodes.has(s3Code)) throw error
  }

  return {
    kind: 's3',
    get,
    head,
    restore,
    put: (ref, object, signal) => withBody(object, () => put(ref, object, signal)),
    async delete(ref, signal) {
      const request: S3Request = { method: 'DELETE', ...address(ref), signal }
      const response = await wire.send(request)
      if (![200, 204, 404].includes(response.statusCode!)) throw await refusal(request, response, timeoutMs)
      await drain(response, timeoutMs)
    },
    async list(bucket, options) {
      const { container, prefix } = placeOfBucket(place, bucket)
      checkBucket(container)
      return listRemote(prefix, options, question => ask(container, question, options.signal))
    },
    async presign(ref, { expiresSeconds, signal }) {
      signal.throwIfAborted()
      const { bucket, key } = address(ref)
      return wire.presign(bucket, key, expiresSeconds)
    },
    async ping(signal) {
      const listing = options.bucket ? { bucket: options.bucket, query: 'list-type=2&max-keys=1' } : {}
      const request: S3Request = { method: 'GET', ...listing, signal }
      const response = await wire.send(request)
      if (response.statusCode === 200) return drain(response, timeoutMs)
      const refused = await refusal(request, response, timeoutMs)
      // Keys that may read and write but not list are good keys: the backend knows them, or it would say so.
      if (!refused.message.includes('AccessDenied')) throw refused
    },
    async [Symbol.asyncDispose]() {
      wire.close()
    },
  }
}

/** The most that S3 takes in one request. */
const maxPutBytes = 5 * 1024 ** 3

/** Wide enough for old buckets in capitals; narrow enough to need no escaping in a path or a host name. */
const bucketName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$/

function checkBucket(name: string): string {
  if (!bucketName.test(name)) throw new MortiseError('invalid_request', `bad bucket name "${name}"`)
  return name
}
