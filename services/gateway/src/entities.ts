import { MortiseError } from '@mortise/errors'
import type { Derived, Location, Resolution } from '@mortise/plan'
import type { ByteRange, ObjectInfo, StoredObject } from '@mortise/storage'
import { readRecord } from '@mortise/storage/record'
import type { Codings } from './http/codings.ts'
import type { Entity } from './http/entity.ts'
import { addVary, type Fields, type HeaderRules, legalFields, objectFields } from './http/fields.ts'
import type { Opener } from './open.ts'

type Described = Omit<Entity, 'body'>
type DerivativeResolution = Extract<Resolution, { kind: 'derivative' }>

type EntitiesDeps = { headerRules: HeaderRules; codings: Codings; opener: Opener }

export type Entities = ReturnType<typeof createEntities>

/** What is known of objects and derivatives, as representations with the header rules applied. */
export function createEntities({ headerRules, codings, opener }: EntitiesDeps) {
  const describe = (bucket: string, info: ObjectInfo, changes: Fields): Described => {
    const fields = { ...objectFields(info), ...changes }
    headerRules(bucket, 200, fields)
    legalFields(fields)
    const { size, lastModified } = info
    if (codings.offered(fields, size).length > 0) addVary(fields, 'Accept-Encoding')
    return { fields, etag: fields.etag ?? '', lastModified: lastModified.getTime(), size }
  }

  const describeDerivative = ({ bucket, negotiated }: DerivativeResolution, info: ObjectInfo): Described =>
    describe(bucket, info, negotiated ? { vary: 'Accept' } : {})

  /** An open object. Another part of it is only taken while it is the same one. */
  const withBody = (described: Described, location: Location, object: StoredObject, signal: AbortSignal): Entity => {
    const reopen = async (range: ByteRange) => {
      const again = await opener.open(location, range, signal)
      if (again && again.info.etag === object.info.etag) return again
      await again?.[Symbol.asyncDispose]()
      throw new MortiseError('storage_unavailable', 'the object changed while it was read')
    }
    return { ...described, body: { kind: 'stored', object, reopen } }
  }

  return {
    head: (bucket: string, info: ObjectInfo): Entity => ({ ...describe(bucket, info, {}), body: { kind: 'none' } }),

    object: (bucket: string, location: Location, object: StoredObject, signal: AbortSignal): Entity =>
      withBody(describe(bucket, object.info, {}), location, object, signal),

    /** A stored derivative, as it was when it was made, wherever and however often it has been stored since. */
    derivative(resolution: DerivativeResolution, object: StoredObject, signal: AbortSignal): Entity {
      const { etag = object.info.etag, modified } = readRecord(object.info)
      const lastModified = modified ? new Date(modified) : object.info.lastModified
      const described = describeDerivative(resolution, { ...object.info, etag, lastModified })
      return withBody(described, resolution.plan.derivative, object, signal)
    },

    /** A derivative that has just been made, as it will look when it is read back. */
    made(resolution: DerivativeResolution, derived: Derived, bytes: Uint8Array): Entity {
      const { size, contentType, etag, width, height } = derived
      const metadata = { 'public-width': String(width), 'public-height': String(height) }
      const info = { size, contentType, etag, lastModified: new Date(derived.lastModified), metadata }
      return { ...describeDerivative(resolution, info), body: { kind: 'bytes', bytes } }
    },
  }
}
