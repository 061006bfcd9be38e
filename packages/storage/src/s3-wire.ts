import { AsyncLocalStorage } from 'node:async_hooks'
import http, { type ClientRequest, type IncomingMessage } from 'node:http'
import https from 'node:https'
import { Readable } from 'node:stream'
import { MortiseError } from '@mortise/errors'
import { Client } from 'minio'
import { asError } from './body.ts'
import { retry } from './retry.ts'
import { RefusedKey } from './storage.ts'

export type S3Request = {
  method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE'
  bucket?: string
  key?: string
  query?: string
  signal: AbortSignal
  signed?: Record<string, string>
  /** Headers that SigV4 lets out of the signature; here their bytes above ASCII do not matter. */
  unsigned?: Record<string, string>
  body?: () => AsyncIterable<Uint8Array>
  /** Whether a failed try may be made again. Absent: yes. */
  repeatable?: boolean
}

export type S3WireOptions = {
  endpoint?: string
  region: string
  accessKey: string
  secretAccessKey: string
  maxSockets: number
  timeoutMs: number
}

/**
 * Signed requests on a bounded set of connections. `send` resolves when an answer has begun, whatever its status except
 * those that may pass: these, and network errors, are tried again and end as `storage_unavailable`.
 */
export function createS3Wire(options: S3WireOptions) {
  const { region, timeoutMs, maxSockets } = options
  const { client, agent, calls } = openClient(options, maxSockets)

  async function once(request: S3Request): Promise<IncomingMessage> {
    const call = createCall(request, timeoutMs)
    call.clock.start()
    try {
      const { method, bucket = '', key = '', query = '', signed = {} } = request
      const body = request.body ? Readable.from(timed(request.body(), call.clock)) : Buffer.alloc(0)
      const target = { method, bucketName: bucket, objectName: key, query, headers: { ...signed } }
      return await calls.run(call, () => client.makeRequestStreamAsync(target, body, '', everyStatus, region))
    } catch (error) {
      request.signal.throwIfAborted()
      throw failure(request, call, error)
    } finally {
      call.clock.stop()
    }
  }

  async function send(request: S3Request): Promise<IncomingMessage> {
    const mayPass = (error: unknown) =>
      request.repeatable !== false && error instanceof MortiseError && error.code === 'storage_unavailable'
    return retry(() => once(request), { mayPass, timeoutMs, signal: request.signal })
  }

  /** Computed here: nothing is sent. */
  async function presign(bucket: string, key: string, expiresSeconds: number): Promise<string> {
    try {
      return await client.presignedUrl('GET', bucket, key, expiresSeconds)
    } catch (error) {
      throw new MortiseError('storage_unavailable', `s3: cannot sign a URL: ${asError(error).message}`, {
        cause: error,
      })
    }
  }

  return { send, presign, close: () => agent.destroy() }
}

/** Reads an answer to its end, so that its connection can serve the next request; a long or slow one is cut. */
export async function drain(response: IncomingMessage, timeoutMs: number): Promise<void> {
  await readText(response, timeoutMs)
}

/** The error for an answer that is a refusal. The code that S3 gives is in the message. */
export async function refusal(request: S3Request, response: IncomingMessage, timeoutMs: number): Promise<MortiseError> {
  return (await readRefusal(request, response, timeoutMs)).error
}

/** `s3Code` is empty when there is none. */
export async function readRefusal(
  request: S3Request,
  response: IncomingMessage,
  timeoutMs: number,
): Promise<{ s3Code: string; error: MortiseError }> {
  const text = await readText(response, timeoutMs)
  // The answer to a HEAD has no text, but MinIO says it all the same.
  const s3Code = /<Code>([^<]{1,100})<\/Code>/.exec(text)?.[1] ?? String(response.headers['x-minio-error-code'] ?? '')
  const said = /<Message>([^<]{1,300})<\/Message>/.exec(text)?.[1] ?? ''
  const facts = `${nameOf(request)}: S3 answered ${response.statusCode} ${s3Code} ${said}`.trim()
  // Nothing but an archive keeps an object from being read that is there.
  if (s3Code === 'InvalidObjectState' && request.method === 'GET') {
    const storageClass = /<StorageClass>([A-Z_]{1,40})<\/StorageClass>/.exec(text)?.[1]
    return { s3Code, error: new MortiseError('archived', facts, storageClass === undefined ? {} : { storageClass }) }
  }
  if (nameCodes.has(s3Code)) {
    return { s3Code, error: new RefusedKey(request.key ?? '', `is refused by the S3 server of its bucket (${s3Code})`) }
  }
  const invalid = invalidCodes.has(s3Code) ? 'invalid_request' : 'storage_unavailable'
  return { s3Code, error: new MortiseError(tooLargeCodes.has(s3Code) ? 'too_large' : invalid, facts) }
}

type Clock = { start(): void; stop(): void }

/** One try: what the transport needs to know of it, and what it tells back. */
type Call = { request: S3Request; clock: Clock; sent?: ClientRequest; status?: number; silent?: boolean }

const maxTextBytes = 64 * 1024

/** Every status is judged here; what the client does not expect it reads into memory without a limit. */
const everyStatus = Array.from({ length: 500 }, (_, index) => 100 + index)

/** The client gives up on these before it looks at the expected ones. */
const passingStatus = new Set([408, 429, 499, 500, 502, 503, 504, 520])

const tooLargeCodes = new Set(['EntityTooLarge'])

const invalidCodes = new Set(['MetadataTooLarge'])

/** MinIO keeps files: what no path can be, or is a folder already, is no key there. */
export const nameCodes: ReadonlySet<string> = new Set([
  'InvalidObjectName',
  'KeyTooLongError',
  'XMinioInvalidObjectName',
  'XMinioObjectExistsAsDirectory',
  'XMinioParentIsObject',
])

/**
 * The client signs and addresses; everything about the connection is done here, because it knows no signal and no
 * timeout and leaves the answers that it gives up on in their sockets.
 */
function openClient(options: S3WireOptions, maxSockets: number) {
  const { host, port, useSSL } = readEndpoint(options.endpoint)
  const wire = useSSL ? https : http
  // Idle connections are closed before the usual servers do it, so that no request is sent into a closing one.
  const agent = new wire.Agent({ keepAlive: true, maxSockets, timeout: 4_000 })
  const calls = new AsyncLocalStorage<Call>()
  const transport = {
    request(target: https.RequestOptions, onResponse: (response: IncomingMessage) => void): ClientRequest {
      const call = calls.getStore()!
      const { signal, unsigned } = call.request
      const sent = wire.request({ ...target, headers: { ...target.headers, ...unsigned } as never }, response => {
        call.clock.stop()
        if (passingStatus.has(response.statusCode!)) {
          call.status = response.statusCode!
          response.destroy()
        }
        // An answer that ends before the body was sent is a refusal: the rest has nowhere to go.
        response.once('end', () => sent.writableFinished || sent.destroy())
        onResponse(response)
      })
      const onAbort = () => sent.destroy(asError(signal.reason))
      signal.addEventListener('abort', onAbort, { once: true })
      sent.once('close', () => signal.removeEventListener('abort', onAbort))
      call.sent = sent
      return sent
    },
  }
  try {
    const client = new Client({
      endPoint: host,
      ...(port === undefined ? {} : { port }),
      useSSL,
      region: options.region,
      accessKey: options.accessKey,
      secretKey: options.secretAccessKey,
      transport: transport as typeof https,
      transportAgent: agent,
      retryOptions: { disableRetry: true },
    })
    // A body that is streamed has no digest to sign before it is sent; https does without one as well.
    client.enableSHA256 = false
    return { client, agent, calls }
  } catch (error) {
    throw new MortiseError('invalid_config', `s3: ${asError(error).message}`, { cause: error })
  }
}

function readEndpoint(endpoint: string | undefined): { host: string; port?: number; useSSL: boolean } {
  if (!endpoint) return { host: 's3.amazonaws.com', useSSL: true }
  const url = URL.parse(/^https?:\/\//i.test(endpoint) ? endpoint : `https://${endpoint}`)
  if (url?.pathname !== '/' || url.search || url.username) {
    throw new MortiseError('invalid_config', `s3: the endpoint "${endpoint}" is not like https://host:port`)
  }
  const host = url.hostname.replace(/^\[|\]$/g, '')
  return { host, ...(url.port ? { port: Number(url.port) } : {}), useSSL: url.protocol === 'https:' }
}

function createCall(request: S3Request, timeoutMs: number): Call {
  let timer: NodeJS.Timeout | undefined
  const clock: Clock = {
    start() {
      clearTimeout(timer)
      timer = setTimeout(() => {
        call.silent = true
        call.sent?.destroy(new Error(`S3 was silent for ${timeoutMs} ms`))
      }, timeoutMs)
    },
    stop: () => clearTimeout(timer),
  }
  const call: Call = { request, clock }
  return call
}

/** The clock runs while a chunk is on its way to the backend, not while the source is asked for the next one. */
async function* timed(chunks: AsyncIterable<Uint8Array>, clock: Clock): AsyncGenerator<Uint8Array> {
  clock.stop()
  for await (const chunk of chunks) {
    clock.start()
    yield chunk
    clock.stop()
  }
  clock.start()
}

function failure(request: S3Request, call: Call, error: unknown): MortiseError {
  if (error instanceof MortiseError) return error
  const what = call.status ? `S3 answered ${call.status}` : asError(error).message
  const code = headerCodes.has((error as { code?: string }).code ?? '') ? 'invalid_request' : 'storage_unavailable'
  return new MortiseError(code, `${nameOf(request)}: ${what}`, { cause: error })
}

/** Node refuses a header value with characters above Latin-1. */
const headerCodes = new Set(['ERR_INVALID_CHAR', 'ERR_HTTP_INVALID_HEADER_VALUE'])

const nameOf = ({ method, bucket = '', key = '' }: S3Request) => `${method} ${bucket}/${key}`

async function readText(response: IncomingMessage, timeoutMs: number): Promise<string> {
  const timer = setTimeout(() => response.destroy(), timeoutMs)
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of response) {
      bytes += chunk.length
      if (bytes > maxTextBytes) break
      chunks.push(chunk)
    }
  } catch {
    // What has come so far is all there is; the status was known before.
  } finally {
    clearTimeout(timer)
  }
  return Buffer.concat(chunks).toString()
}
