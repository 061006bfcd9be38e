import http from 'node:http'
import https from 'node:https'
import {
  BlobServiceClient,
  type BlockBlobClient,
  newPipeline,
  type RequestPolicyFactory,
  RestError,
  StorageSharedKeyCredential,
} from '@azure/storage-blob'
import { MortiseError } from '@mortise/errors'
import { asError } from './body.ts'
import { type Clock, createClock } from './clock.ts'
import type { StoredHeaders } from './headers.ts'
import { passingStatus, retry } from './retry.ts'

export type AzureWireOptions = {
  account: string
  key: string
  endpoint?: string
  /** Added to every put. */
  putHeaders: StoredHeaders
  maxSockets: number
  timeoutMs: number
}

export type AzureCall = {
  /** For messages. */
  name: string
  signal: AbortSignal
  /** Whether a failed try may be made again. Absent: yes. */
  repeatable?: boolean
}

/**
 * Calls of the client on a bounded set of connections, with our own limit on silence and our own retries: the client's
 * limit is one on whole bodies. Throws `MortiseError` and `signal.reason`; creating it throws `invalid_config`.
 */
export function createAzureWire(options: AzureWireOptions) {
  const { timeoutMs } = options
  const { service, agent } = openClient(options)

  async function once<T>(signal: AbortSignal, run: (clock: Clock) => Promise<T>): Promise<T> {
    const clock = createClock(timeoutMs, signal)
    clock.start()
    try {
      return await run(clock)
    } catch (error) {
      const cause = clock.sourceError ?? (clock.signal.aborted ? clock.signal.reason : error)
      // A put that is refused half way has a body that nobody takes any more.
      clock.abandon()
      throw cause
    } finally {
      clock.stop()
    }
  }

  return {
    service,
    blob: (container: string, key: string): BlockBlobClient =>
      service.getContainerClient(container).getBlockBlobClient(key),
    async call<T>({ name, signal, repeatable = true }: AzureCall, run: (clock: Clock) => Promise<T>): Promise<T> {
      try {
        return await retry(() => once(signal, run), {
          mayPass: error => repeatable && mayPass(error),
          timeoutMs,
          signal,
        })
      } catch (error) {
        signal.throwIfAborted()
        throw failure(name, error)
      }
    },
    close: () => agent.destroy(),
  }
}

/** The status of an answer that is a refusal; `undefined` for every other error. */
export function statusOf(error: unknown): number | undefined {
  return error instanceof RestError ? error.statusCode : undefined
}

function openClient({ account, key, endpoint, putHeaders, maxSockets }: AzureWireOptions) {
  if (account === '') throw new MortiseError('invalid_config', 'azure: the account is missing')
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(key)) throw new MortiseError('invalid_config', 'azure: the key is not base64')
  const url = URL.parse(endpoint ?? `https://${account}.blob.core.windows.net`)
  if (!url || !/^https?:$/.test(url.protocol) || url.search || url.username) {
    throw new MortiseError('invalid_config', `azure: the endpoint "${endpoint}" is not like https://host:port`)
  }
  const wire = url.protocol === 'https:' ? https : http
  // Idle connections are closed before the usual servers do it, so that no request is sent into a closing one.
  const agent = new wire.Agent({ keepAlive: true, maxSockets, timeout: 4_000 })
  const pipeline = newPipeline(new StorageSharedKeyCredential(account, key), { retryOptions: { maxTries: 1 } })
  pipeline.factories.push(throughAgent(agent, putHeaders))
  return { service: new BlobServiceClient(url.href.replace(/\/+$/, ''), pipeline), agent }
}

/** Before the request is signed: the agent, which the client has no option for, and the configured headers. */
function throughAgent(agent: http.Agent, putHeaders: StoredHeaders): RequestPolicyFactory {
  return {
    create: next => ({
      sendRequest(request) {
        request.agent = agent
        if (request.method === 'PUT') {
          for (const [name, value] of Object.entries(putHeaders)) request.headers.set(name, value)
        }
        return next.sendRequest(request)
      },
    }),
  }
}

function mayPass(error: unknown): boolean {
  const status = statusOf(error)
  return !(error instanceof MortiseError) && (status === undefined || passingStatus.has(status))
}

function failure(name: string, error: unknown): MortiseError {
  if (error instanceof MortiseError) return error
  const status = statusOf(error)
  const azureCode = (error as RestError).code ?? ''
  const said = status ? `Azure answered ${status} ${azureCode}`.trim() : asError(error).message
  const code = invalidCodes.has(azureCode) ? 'invalid_request' : status === 413 ? 'too_large' : 'storage_unavailable'
  // An error of the client holds the whole request, with what signs it, and would be logged so.
  return new MortiseError(code, `${name}: ${said}`, error instanceof RestError ? {} : { cause: error })
}

const invalidCodes = new Set([
  'EmptyMetadataKey',
  'InvalidMetadata',
  'InvalidResourceName',
  'InvalidUri',
  'MetadataTooLarge',
  'OutOfRangeInput',
  'RequestUrlFailedToParse',
])
