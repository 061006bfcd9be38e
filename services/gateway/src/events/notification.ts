import { MortiseError } from '@mortise/errors'
import { z } from 'zod'

/** What became of an object, in the words of the service that holds it. */
export type ObjectEvent = { container: string; key: string; removed: boolean }

/** Amazon sends one at a time, MinIO as well. */
const maxRecords = 1_000

const name = z.string().min(1).max(4096)

const record = z.object({
  eventName: name,
  s3: z.object({ bucket: z.object({ name }), object: z.object({ key: name }) }),
})

const notification = z.union([
  z.object({ Records: z.array(z.object({ eventName: name }).loose()) }),
  // What Amazon sends when notifications are switched on.
  z.object({ Event: z.literal('s3:TestEvent') }).transform(() => ({ Records: [] })),
])

/**
 * Reads the notifications of Amazon S3 and of MinIO, which are of one shape. Other events than that an object was written
 * or deleted are left out; of one object there is one event, and that it was written when both happened. Throws
 * `invalid_request`, and `too_large` for too many.
 */
export function readNotification(text: string): ObjectEvent[] {
  const { Records } = parse(notification, json(text))
  if (Records.length > maxRecords) throw new MortiseError('too_large', `${Records.length} records in a notification`)
  const events = new Map<string, ObjectEvent>()
  for (const found of Records) {
    const removed = isRemoval(found.eventName)
    if (removed === null) continue
    const { s3 } = parse(record, found)
    const event = { container: s3.bucket.name, key: decode(s3.object.key), removed }
    const id = JSON.stringify([event.container, event.key])
    if (!events.get(id) || !removed) events.set(id, event)
  }
  return [...events.values()]
}

/** `null`: the bytes are as before. Amazon leaves out the `s3:` that the settings begin with. */
function isRemoval(eventName: string): boolean | null {
  const [kind = '', what = ''] = eventName.replace(/^s3:/, '').split(':')
  if (kind === 'ObjectRemoved' || kind === 'LifecycleExpiration') return true
  if (kind !== 'ObjectCreated' || aboutTheRest.test(what)) return null
  return false
}

/** MinIO has these among what creates. */
const aboutTheRest = /Tagging|Retention|LegalHold|Acl/i

/** As a form would have it. */
function decode(key: string): string {
  try {
    return decodeURIComponent(key.replaceAll('+', ' '))
  } catch (cause) {
    throw new MortiseError('invalid_request', 'notification: a key is not URL-encoded', { cause })
  }
}

function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new MortiseError('invalid_request', 'notification: expected JSON', { cause })
  }
}

function parse<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const { path = [], message = 'invalid' } = result.error.issues[0] ?? {}
  throw new MortiseError('invalid_request', `notification: ${path.join('.')} ${message}`)
}
