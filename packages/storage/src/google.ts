import { MortiseError } from '@mortise/errors'
import { readBody, withBody } from './body.ts'
import { checkCondition, isConditional, preconditionFailed } from './condition.ts'
import { createGoogleAccount } from './google-auth.ts'
import { maxListingBytes, printListing, readListing } from './google-listing.ts'
import { googleInfo, googleObject, readResource, toResource } from './google-object.ts'
import { createGoogleWire, type GoogleAnswer, type GoogleRequest, leave, readText, refusal } from './google-wire.ts'
import {
  configuredHeaders,
  fromHeaders,
  guessContentType,
  type StoredHeaders,
  toHeaders,
  withHiddenExpires,
} from './headers.ts'
import { createPlaces, placeOfBucket } from './keys.ts'
import { checkRange, printRange } from './range.ts'
import { listRemote, type RemoteAnswer, type RemoteQuestion } from './remote-listing.ts'
import type { ByteRange, NewObject, ObjectInfo, ObjectRef, Storage, StoredObject } from './storage.ts'

export type GoogleStorageOptions = {
  /** The JSON of a service account, or of another kind of credentials. Absent: what the environment provides. */
  configJson?: string
  /** Absent: that of the credentials. */
  projectId?: string
  /** Absent: to read and write objects. */
  scopes?: string[]
  /** `https://host:port`. Absent: Google's. With `http:` and no credentials, an emulator that asks for none. */
  endpoint?: string
  /** The container; absent: the bucket of each object. */
  bucket?: string
  pathPrefix?: string
  /** Set over the headers of every new object; `x-goog-*` are sent as they are. */
  headers?: Record<string, string>
  /** Connections at most for bodies; further requests wait for one. Absent: 64. */
  maxSockets?: number
  /** Milliseconds to wait for a connection, an answer or the next bytes; not for a whole body. Absent: 10,000. */
  timeoutMs?: number
}

/**
 * Google Cloud Storage. Google's library proves who asks and signs URLs. The requests are made here, because it has no
 * bound on connections and takes no signal.
 *
 * A get is two requests at the same time: a download alone says neither the metadata nor which of its headers were
 * stored. A put is one.
 */
export function createGoogleStorage(options: GoogleStorageOptions): Storage {
  const { maxSockets = 64, timeoutMs = 10_000 } = options
  const endpoint = readEndpoint(options.endpoint)
  const place = createPlaces(options)
  const configured = configuredHeaders(options.headers)
  const sent = Object.entries(configured).filter(([name]) => name.startsWith('x-goog-') && !inResource.has(name))
  const account = createGoogleAccount({ ...options, endpoint, timeoutMs })
  const wireOptions = { endpoint, authorize: account.authorize, timeoutMs }
  const bodies = createGoogleWire({ ...wireOptions, maxSockets })
  // With connections of their own: one that waits behind opened bodies would wait for itself.
  const facts = createGoogleWire({ ...wireOptions, maxSockets: Math.min(maxSockets, 16) })

  const address = (ref: ObjectRef) => {
    const { container, key } = place(ref)
    checkBucket(container)
    return { bucket: container, key, path: `/storage/v1/b/${container}/o/${encodeURIComponent(key)}` }
  }

  async function get(ref: ObjectRef, { range, signal }: { range?: ByteRange; signal: AbortSignal }) {
    if (range) checkRange(range)
    for (let rounds = 0; rounds < maxRounds; rounds += 1) {
      const found = await open(ref, range, signal)
      if (found !== 'replaced') return found
    }
    throw new MortiseError('storage_unavailable', `GET ${ref.key}: the object is replaced too often`)
  }

  async function open(ref: ObjectRef, range: ByteRange | undefined, signal: AbortSignal) {
    const { key, path } = address(ref)
    const headers: StoredHeaders = range ? { range: printRange(range) } : {}
    const download: GoogleRequest = { method: 'GET', path: `${path}?alt=media`, headers, signal }
    const [answered, described] = await Promise.allSettled([bodies.send(download), describe(path, signal)])
    if (answered.status === 'rejected') throw answered.reason
    const answer = answered.value
    let object: StoredObject | null = null
    try {
      if (described.status === 'rejected') throw described.reason
      if (answer.statusCode === 404 || !described.value) return null
      if (answer.statusCode === 416) {
        throw new MortiseError('range_not_satisfiable', `range ${printRange(range!)} of ${ref.key}`)
      }
      if (answer.statusCode !== 200 && answer.statusCode !== 206) throw await refusal(download, answer)
      const resource = described.value
      object = googleObject(answer, resource, { key, ...(range ? { range } : {}), signal, timeoutMs })
      return object ?? 'replaced'
    } finally {
      if (!object) await leave(answer, signal)
    }
  }

  /** What is said about an object; `null` when there is none. */
  async function describe(path: string, signal: AbortSignal) {
    const request: GoogleRequest = { method: 'GET', path, signal }
    const answer = await facts.send(request)
    const text = await expect(request, answer, [200, 404])
    return answer.statusCode === 404 ? null : readResource(text)
  }

  async function head(ref: ObjectRef, signal: AbortSignal): Promise<ObjectInfo | null> {
    const { key, path } = address(ref)
    const resource = await describe(path, signal)
    return resource && googleInfo(resource, key)
  }

  async function ask(bucket: string, question: RemoteQuestion, signal: AbortSignal): Promise<RemoteAnswer> {
    const request: GoogleRequest = {
      method: 'GET',
      path: `/storage/v1/b/${bucket}/o?${printListing(question)}`,
      signal,
    }
    const answer = await facts.send(request)
    const text = await expect(request, answer, [200, 404], maxListingBytes)
    return answer.statusCode === 404 ? { objects: [], prefixes: [], more: false } : readListing(text)
  }

  async function put(ref: ObjectRef, object: NewObject, signal: AbortSignal): Promise<ObjectInfo> {
    const { bucket, key } = address(ref)
    const conditional = isConditional(object)
    if (conditional) checkCondition(object, await head(ref, signal))
    const contentType = object.contentType ?? guessContentType(key)
    const headers = withHiddenExpires({
      ...toHeaders({ ...object, ...(contentType ? { contentType } : {}) }),
      ...configured,
    })
    const parts = related(toResource(key, headers), contentType)
    const acl = configured['x-goog-acl']
    const request: GoogleRequest = {
      method: 'POST',
      path: `/upload/storage/v1/b/${bucket}/o?uploadType=multipart${acl ? `&predefinedAcl=${camelCase(acl)}` : ''}${printCondition(object)}`,
      headers: {
        ...Object.fromEntries(sent),
        'content-type': `multipart/related; boundary=${parts.boundary}`,
        'content-length': String(parts.before.length + object.size + parts.after.length),
      },
      async *body() {
        yield parts.before
        yield* readBody(object, signal)
        yield parts.after
      },
      // A try that was done although its answer was lost would make the next one fail.
      repeatable: object.body instanceof Uint8Array && !conditional,
      signal,
    }
    const answer = await bodies.send(request)
    if (conditional && answer.statusCode === 412) {
      await leave(answer, signal)
      throw preconditionFailed('the object was changed meanwhile')
    }
    const { etag, lastModified } = googleInfo(readResource(await expect(request, answer, [200])), key)
    return { ...fromHeaders(headers, key), size: object.size, etag, lastModified }
  }

  return {
    kind: 'google',
    get,
    head,
    put: (ref, object, signal) => withBody(object, () => put(ref, object, signal)),
    async delete(ref, signal) {
      const request: GoogleRequest = { method: 'DELETE', path: address(ref).path, signal }
      await expect(request, await facts.send(request), [200, 204, 404])
    },
    async list(bucket, options) {
      const { container, prefix } = placeOfBucket(place, bucket)
      checkBucket(container)
      return listRemote(prefix, options, question => ask(container, question, options.signal))
    },
    async presign(ref, { expiresSeconds, signal }) {
      signal.throwIfAborted()
      const { bucket, key } = address(ref)
      return account.presign(bucket, key, expiresSeconds, signal)
    },
    async ping(signal) {
      const project = encodeURIComponent(account.project ?? '')
      const path = options.bucket ? `/b/${encodeURIComponent(options.bucket)}/o?` : `/b?project=${project}&`
      const request: GoogleRequest = { method: 'GET', path: `/storage/v1${path}maxResults=1`, signal }
      // Who may read and write but not list, or names no project, is known all the same.
      await expect(request, await facts.send(request), options.bucket ? [200, 403] : [200, 400, 403])
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([bodies.close(), facts.close()])
    },
  }
}

/** Looks at an object that is replaced between two requests; Google takes one put a second of each object. */
const maxRounds = 20

/** These are not sent as headers, but said in the description of an object. */
const inResource = new Set(['x-goog-acl', 'x-goog-storage-class'])

const bucketName = /^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/

function checkBucket(name: string): void {
  if (!bucketName.test(name)) throw new MortiseError('invalid_request', `bad bucket name "${name}"`)
}

/** A tag is made of the two numbers that Google compares; one that is not matches nothing. */
function printCondition({ ifAbsent, ifMatch = '' }: NewObject): string {
  if (ifAbsent) return '&ifGenerationMatch=0'
  const [, generation, metageneration] = /^(\d+)-(\d+)$/.exec(ifMatch) ?? []
  return generation ? `&ifGenerationMatch=${generation}&ifMetagenerationMatch=${metageneration}` : ''
}

function readEndpoint(endpoint = 'https://storage.googleapis.com'): string {
  const url = URL.parse(endpoint)
  if (!url || !/^https?:$/.test(url.protocol) || url.pathname !== '/' || url.search || url.username) {
    throw new MortiseError('invalid_config', `google: the endpoint "${endpoint}" is not like https://host:port`)
  }
  return url.origin
}

/** The text of an answer, which leaves its connection free; an error when its status is another. */
async function expect(
  request: GoogleRequest,
  answer: GoogleAnswer,
  statuses: number[],
  maxBytes?: number,
): Promise<string> {
  if (!statuses.includes(answer.statusCode)) throw await refusal(request, answer)
  try {
    return await readText(answer, maxBytes)
  } catch (error) {
    request.signal.throwIfAborted()
    throw new MortiseError('storage_unavailable', `${request.method} ${request.path}: broken off`, { cause: error })
  }
}

/** What comes before and after the bytes of an object in the body of its put: a description and frames. */
function related(resource: Record<string, unknown>, contentType = 'application/octet-stream') {
  const boundary = `mortise-${crypto.randomUUID()}`
  const described = `content-type: application/json; charset=utf-8\r\n\r\n${JSON.stringify(resource)}`
  return {
    boundary,
    before: Buffer.from(`--${boundary}\r\n${described}\r\n--${boundary}\r\ncontent-type: ${contentType}\r\n\r\n`),
    after: Buffer.from(`\r\n--${boundary}--\r\n`),
  }
}

/** `public-read` of a header is `publicRead` of the JSON interface. */
function camelCase(name: string): string {
  return encodeURIComponent(name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase()))
}
