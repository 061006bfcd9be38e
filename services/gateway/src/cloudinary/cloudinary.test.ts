import { createHash } from 'node:crypto'
import { PassThrough, Readable } from 'node:stream'
import type { BucketConfig } from '@mortise/config'
import type { Planner } from '@mortise/plan'
import type { NewObject, Storage } from '@mortise/storage'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createIntake } from '../s3/intake.ts'
import { createCloudinary } from './cloudinary.ts'

const MiB = 1024 * 1024
const key = { accessKey: 'key', secretAccessKey: 'secret' }
const now = 1_700_000_000_000

afterEach(() => void vi.useRealTimers())

describe('who has not proven who he is', () => {
  it('is given less room for a file than who has', async () => {
    const { send, stored } = setUp()
    const tooLarge = 'the file is too large to come before the fields that are signed'
    expect(await send(Readable.from([file(64 * MiB + 1), fields(), end]))).toEqual([413, tooLarge])
    expect(stored).toEqual([])
    expect((await send(Readable.from([fields(), file(64 * MiB + 1), end])))[0]).toBe(200)
    expect((await send(Readable.from([file(64 * MiB), fields(), end])))[0]).toBe(200)
    expect(stored).toEqual([64 * MiB + 1, 64 * MiB])
  })

  it('is given a minute', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const { send } = setUp()
    const body = new PassThrough()
    const sent = send(body)
    body.write(file(100))
    await vi.advanceTimersByTimeAsync(60_000)
    expect(await sent).toEqual([408, 'the form took too long'])
  })
})

const noted = async () => {}

/** Over a storage that only counts. */
function setUp() {
  const stored: number[] = []
  const storage = {
    async put(_: unknown, { body, size }: NewObject) {
      let seen = 0
      for await (const chunk of body as Readable) seen += (chunk as Buffer).length
      stored.push(seen)
      return { size, etag: 'e', lastModified: new Date(now), metadata: {} }
    },
  } as unknown as Storage
  const object = { storage: 'b/basic', bucket: 'b', key: '/cat' }
  const cloudinary = createCloudinary({
    buckets: { b: { name: 'b', keys: [key], transform: { kind: 'cloudinary' } } as unknown as BucketConfig },
    planner: { plan: () => ({ kind: 'object', bucket: 'b', object, imageOnly: false }) } as unknown as Planner,
    storage: () => storage,
    originals: { written: noted, deleted: noted, derivativeDeleted: noted },
    ...createIntake({ uploadsAtOnce: 4, uploadRate: 1, uploadGrace: 60 }),
    uploadBytes: 1024 * MiB,
    now: () => now,
    onError() {},
  })
  return {
    stored,
    async send(body: Readable): Promise<[number, string]> {
      const headers = { 'content-type': 'multipart/form-data; boundary=x' }
      const { signal } = new AbortController()
      const request = { method: 'POST', target: '/b', headers, body: () => body, signal, requestId: '', watch() {} }
      expect(cloudinary.takes(request)).toBe(true)
      const response = await cloudinary.answer(request)
      return [response.status, await response.text()]
    },
  }
}

function fields(): Buffer {
  const given = { public_id: 'cat', timestamp: String(now / 1000) }
  const text = `public_id=cat&timestamp=${given.timestamp}${key.secretAccessKey}`
  const all = { ...given, api_key: key.accessKey, signature: createHash('sha1').update(text).digest('hex') }
  const parts = Object.entries(all).map(
    ([name, value]) => `--x\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  )
  return Buffer.from(parts.join(''))
}

function file(bytes: number): Buffer {
  const top = '--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\nContent-Type: image/jpeg\r\n\r\n'
  return Buffer.concat([Buffer.from(top), Buffer.alloc(bytes), Buffer.from('\r\n')])
}

const end = Buffer.from('--x--\r\n')
