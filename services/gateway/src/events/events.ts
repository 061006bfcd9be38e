import { createHash, timingSafeEqual } from 'node:crypto'
import { limitTime, untilAborted } from '@mortise/async'
import type { Config } from '@mortise/config'
import { MortiseError } from '@mortise/errors'
import { RefusedKey, type Storage } from '@mortise/storage'
import { readRecord } from '@mortise/storage/record'
import { type ErrorReply, renderError } from '../errors.ts'
import type { Fields } from '../http/fields.ts'
import type { Originals } from '../originals/originals.ts'
import { errorResponse } from '../routes/objects.ts'
import { forEach } from '../s3/concurrency.ts'
import type { S3Request } from '../s3/s3.ts'
import { createFindObjects, type FoundObject } from './find-objects.ts'
import { type ObjectEvent, readNotification } from './notification.ts'

/** What a service that holds the objects tells of those that somebody else has written or deleted there. */
export type Events = {
  takes(request: Pick<S3Request, 'target'>): boolean
  /** 200 when everything that follows from the events is done; after anything else they are to be sent again. */
  answer(request: S3Request): Promise<Response>
}

export type EventsDeps = {
  config: Config
  originals: Pick<Originals, 'written' | 'deleted'>
  /** By name as in a Plan. Throws `storage_unavailable` for one that is not configured. */
  storage(name: string): Storage
  /** Milliseconds that a storage has to say what an object is. */
  callTimeout: number
  onError(error: unknown, reply: ErrorReply, request: S3Request): void
}

const path = '/-/events/s3'
const maxBytes = 1024 * 1024
/** Milliseconds for a body to come. */
const bodyMs = 30_000
/** Notifications in hand, each with a body of so many bytes at most. */
const maxInHand = 64
/** Of one notification. */
const objectsAtOnce = 8

export function createEvents(deps: EventsDeps): Events {
  const { secret } = deps.config.server.events
  const isAuthentic = secret === null ? () => false : createCheck(secret)
  const find = createFindObjects(deps.config)
  let inHand = 0

  async function handle({ container, key, removed }: ObjectEvent): Promise<void> {
    for (const found of find(container, key)) {
      if (removed) await deps.originals.deleted(found.object)
      else if (!(await isMade(deps, found))) await deps.originals.written(found.object)
    }
  }

  async function take(request: S3Request): Promise<void> {
    if (inHand >= maxInHand) throw new MortiseError('overloaded', `${inHand} notifications are in hand`)
    inHand++
    try {
      await forEach(readNotification(await readBody(request)), objectsAtOnce, handle)
    } finally {
      inHand--
    }
  }

  return {
    takes: ({ target }) => target === path || target.startsWith(`${path}?`),
    async answer(request) {
      try {
        if (secret === null) throw new MortiseError('no_such_object', 'server.events has no secret')
        if (request.method !== 'POST') throw new MortiseError('method_not_allowed', 'events are posted')
        if (!isAuthentic(request.headers.authorization)) throw new MortiseError('forbidden', 'not the secret')
        await take(request)
        return Response.json({ status: 'done' }, { headers: { 'cache-control': 'no-store' } })
      } catch (error) {
        const reply = renderError(error, { debug: false })
        deps.onError(error, reply, request)
        const body = JSON.stringify({ message: 'error', code: reply.code })
        const fields: Fields = reply.code === 'method_not_allowed' ? { allow: 'POST' } : {}
        return errorResponse({ ...reply, body, contentType: 'application/json' }, fields, request.method)
      }
    },
  }
}

/** `Bearer SECRET`, as MinIO has it, or the secret as it is. It takes as long whatever was sent. */
function createCheck(secret: string): (field: string | readonly string[] | undefined) => boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  const expected = digest(secret)
  return field => timingSafeEqual(digest(String(field ?? '').replace(/^Bearer +/i, '')), expected)
}

/** Derivatives that lie among originals are told by their record. */
async function isMade({ storage, callTimeout }: EventsDeps, { object, perhapsMade }: FoundObject): Promise<boolean> {
  if (!perhapsMade) return false
  const late = () => new MortiseError('storage_unavailable', `${object.storage}: no answer in time`)
  const { signal } = new AbortController()
  try {
    const info = await limitTime(callTimeout, signal, limited => storage(object.storage).head(object, limited), late)
    return info !== null && readRecord(info).plan !== undefined
  } catch (error) {
    // No URL has such a key, so nothing was made of it.
    if (error instanceof RefusedKey) return true
    throw error
  }
}

/** Whole. What is not read of one that is refused is left to the server. */
async function readBody({ body, signal }: S3Request): Promise<string> {
  const late = AbortSignal.timeout(bodyMs)
  const end = AbortSignal.any([signal, late])
  const source = body().iterator({ destroyOnReturn: false })
  const chunks: Buffer[] = []
  let size = 0
  try {
    for (let next = await untilAborted(source.next(), end); !next.done; next = await untilAborted(source.next(), end)) {
      size += next.value.length
      if (size > maxBytes) throw new MortiseError('too_large', `more than ${maxBytes} bytes of events`)
      chunks.push(next.value)
    }
    return Buffer.concat(chunks).toString()
  } catch (cause) {
    if (late.aborted) throw new MortiseError('timed_out', 'the events came too slowly', { cause })
    if (signal.aborted) throw new MortiseError('cancelled', 'the sender left', { cause })
    throw cause
  } finally {
    void source.return?.()
  }
}
