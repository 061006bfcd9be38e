import { Readable } from 'node:stream'
import { BlobSASPermissions, SASProtocol } from '@azure/storage-blob'
import { MortiseError } from '@mortise/errors'
import { azureInfo, azureObject, toProperties } from './azure-object.ts'
import { type AzureCall, createAzureWire, statusOf } from './azure-wire.ts'
import { readBody, withBody } from './body.ts'
import { checkCondition, isConditional, preconditionFailed } from './condition.ts'
import { configuredHeaders, fromHeaders, guessContentType, toHeaders, withHiddenExpires } from './headers.ts'
import { createPlaces, placeOfBucket } from './keys.ts'
import { checkRange, printRange, resolveRange } from './range.ts'
import { listRemote, type RemoteAnswer, type RemoteQuestion } from './remote-listing.ts'
import type { ByteRange, NewObject, ObjectInfo, ObjectRef, Storage, StoredObject } from './storage.ts'

export type AzureStorageOptions = {
  account: string
  /** Base64, as Azure gives it out. */
  key: string
  /** `https://host:port`, with the account in the path where the service wants it there. Absent: that of the account. */
  endpoint?: string
  /** The container; absent: the bucket of each object. */
  bucket?: string
  pathPrefix?: string
  /** Set over the headers of every new object; `x-ms-*` are sent as they are. */
  headers?: Record<string, string>
  /** Connections at most; further requests wait for one. Absent: 64. */
  maxSockets?: number
  /** Milliseconds to wait for a connection, an answer or the next bytes; not for a whole body. Absent: 10,000. */
  timeoutMs?: number
}

/** Azure Blob Storage. A get is one request, except that of a suffix, which Azure does not know; a put is one too. */
export function createAzureStorage(options: AzureStorageOptions): Storage {
  const { maxSockets = 64, timeoutMs = 10_000 } = options
  const place = createPlaces(options)
  const configured = configuredHeaders(options.headers)
  const putHeaders = Object.fromEntries(Object.entries(configured).filter(([name]) => name.startsWith('x-ms-')))
  const wire = createAzureWire({ ...options, putHeaders, maxSockets, timeoutMs })

  const blobOf = (ref: ObjectRef) => {
    const { container, key } = place(ref)
    checkContainer(container)
    return { blob: wire.blob(container, key), key, container }
  }

  async function get(ref: ObjectRef, { range, signal }: { range?: ByteRange; signal: AbortSignal }) {
    if (range) checkRange(range)
    if (!range || !('suffix' in range)) return open(ref, range, signal)
    for (let rounds = 0; rounds < maxRounds; rounds += 1) {
      const info = await head(ref, signal)
      if (!info) return null
      // Gone when the object was replaced or deleted in the meantime, which the next look tells.
      const object = await open(ref, resolveRange(range, info.size), signal, info.etag)
      if (object) return object
    }
    throw new MortiseError('storage_unavailable', `GET ${ref.key}: the object is replaced too often`)
  }

  async function open(
    ref: ObjectRef,
    range: { start: number; end?: number } | undefined,
    signal: AbortSignal,
    etag?: string,
  ): Promise<StoredObject | null> {
    const { blob, key } = blobOf(ref)
    const { start = 0, end } = range ?? {}
    const conditions = etag === undefined ? {} : { conditions: { ifMatch: `"${etag}"` } }
    const found = await wire.call(named('GET', ref, signal), async clock => {
      const count = end === undefined ? undefined : end - start + 1
      const options = { abortSignal: clock.signal, maxRetryRequests: 0, ...conditions }
      return blob.download(start, count, options).catch((error: unknown) => {
        const status = statusOf(error)
        if (status === 404 || (status === 412 && etag !== undefined)) return null
        if (status !== 416 || !range) throw error
        throw new MortiseError('range_not_satisfiable', `range ${printRange(range)} of ${ref.key}`)
      })
    })
    return found && azureObject(found, { key, ...(range ? { range } : {}), signal, timeoutMs })
  }

  async function head(ref: ObjectRef, signal: AbortSignal): Promise<ObjectInfo | null> {
    const { blob, key } = blobOf(ref)
    const found = await wire.call(named('HEAD', ref, signal), clock =>
      orNull(blob.getProperties({ abortSignal: clock.signal })),
    )
    return found && azureInfo(found, found.contentLength ?? Number.NaN, key)
  }

  async function put(ref: ObjectRef, object: NewObject, signal: AbortSignal): Promise<ObjectInfo> {
    const { blob, key } = blobOf(ref)
    if (object.size > maxPutBytes) throw new MortiseError('too_large', `${object.size} bytes in one put to Azure`)
    const contentType = object.contentType ?? guessContentType(key)
    const headers = withHiddenExpires({
      ...toHeaders({ ...object, ...(contentType ? { contentType } : {}) }),
      ...configured,
    })
    const conditional = isConditional(object)
    if (conditional) checkCondition(object, await head(ref, signal))
    // A try that was done although its answer was lost would make the next one fail.
    const repeatable = object.body instanceof Uint8Array && !conditional
    const made = await wire.call({ ...named('PUT', ref, signal), repeatable }, async clock => {
      const body = () => Readable.from(clock.timed(readBody(object, signal)), { objectMode: false })
      const options = { ...toProperties(headers), conditions: conditionsOf(object), abortSignal: clock.signal }
      return blob.upload(body, object.size, options).catch((error: unknown) => {
        const changed = conditional && conditionStatus.has(statusOf(error)!)
        throw changed ? preconditionFailed('the object was changed meanwhile') : error
      })
    })
    const { etag = '', lastModified = new Date() } = made
    return { ...fromHeaders(headers, key), size: object.size, etag: etag.replaceAll('"', ''), lastModified }
  }

  async function ask(container: string, { prefix, after, limit, token }: RemoteQuestion, signal: AbortSignal) {
    return wire.call({ name: `LIST ${container}`, signal }, async (clock): Promise<RemoteAnswer> => {
      const options = { prefix, abortSignal: clock.signal, ...(after ? { startFrom: after } : {}) }
      // It begins with the key itself.
      const page = { maxPageSize: limit + 1, ...(token ? { continuationToken: token } : {}) }
      const pages = wire.service.getContainerClient(container).listBlobsFlat(options).byPage(page)
      const found = await orNull(pages.next())
      if (!found || found.done) return { objects: [], prefixes: [], more: false }
      const { segment, continuationToken } = found.value
      const objects = segment.blobItems.map(({ name, properties }) => {
        const { contentLength: size = Number.NaN, etag, lastModified } = properties
        return { key: name, info: { size, etag: etag.replaceAll('"', ''), lastModified } }
      })
      return { objects, prefixes: [], more: continuationToken || false }
    })
  }

  return {
    kind: 'azure',
    get,
    head,
    put: (ref, object, signal) => withBody(object, () => put(ref, object, signal)),
    async delete(ref, signal) {
      const { blob } = blobOf(ref)
      await wire.call(named('DELETE', ref, signal), clock =>
        orNull(blob.delete({ deleteSnapshots: 'include', abortSignal: clock.signal })),
      )
    },
    async list(bucket, options) {
      const { container, prefix } = placeOfBucket(place, bucket)
      checkContainer(container)
      return listRemote(prefix, options, question => ask(container, question, options.signal))
    },
    async presign(ref, { expiresSeconds, signal }) {
      signal.throwIfAborted()
      const { blob } = blobOf(ref)
      return blob.generateSasUrl({
        permissions: BlobSASPermissions.parse('r'),
        expiresOn: new Date(Date.now() + expiresSeconds * 1000),
        protocol: blob.url.startsWith('https:') ? SASProtocol.Https : SASProtocol.HttpsAndHttp,
      })
    },
    async ping(signal) {
      const { bucket } = options
      await wire.call({ name: `ping ${bucket ?? options.account}`, signal }, clock =>
        bucket
          ? wire.service.getContainerClient(bucket).getProperties({ abortSignal: clock.signal })
          : wire.service.getAccountInfo({ abortSignal: clock.signal }),
      )
    },
    async [Symbol.asyncDispose]() {
      wire.close()
    },
  }
}

/** The most that Azure takes in one request. */
const maxPutBytes = 5000 * 1024 ** 2

/** Looks at an object that is replaced between two requests. */
const maxRounds = 20

const containerName = /^(?:\$root|\$web|\$logs|(?=.{3,63}$)[a-z0-9]+(?:-[a-z0-9]+)*)$/

function checkContainer(name: string): void {
  if (!containerName.test(name)) throw new MortiseError('invalid_request', `bad container name "${name}"`)
}

/** 409 is the answer when there is an object already. */
const conditionStatus = new Set([409, 412])

function conditionsOf({ ifAbsent, ifMatch }: NewObject) {
  const tag = ifMatch === undefined || ifMatch === '*' ? ifMatch : `"${ifMatch}"`
  return { ...(ifAbsent ? { ifNoneMatch: '*' } : {}), ...(tag ? { ifMatch: tag } : {}) }
}

const named = (method: string, { bucket, key }: ObjectRef, signal: AbortSignal): AzureCall => ({
  name: `${method} ${bucket}${key}`,
  signal,
})

async function orNull<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer
  } catch (error) {
    if (statusOf(error) === 404) return null
    throw error
  }
}
