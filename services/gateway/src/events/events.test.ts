import { Readable } from 'node:stream'
import { loadConfig } from '@mortise/config'
import { MortiseError } from '@mortise/errors'
import type { Location } from '@mortise/plan'
import { createMemoryStorage } from '@mortise/storage/memory'
import { writeRecord } from '@mortise/storage/record'
import { describe, expect, it } from 'vitest'
import { createEvents } from './events.ts'

const secret = 'a-secret-of-the-test'
const authorization = `Bearer ${secret}`
const s3 = { kind: 's3', endpoint: 'http://s3', accessKey: 'a', secretAccessKey: 'b' }
const never = new AbortController().signal

function setUp({ server = { events: { secret } }, fail }: { server?: object; fail?: MortiseError } = {}) {
  const buckets = { photos: { storages: { basic: s3, transform: { ...s3, bucket: 'photos' } } } }
  const { config } = loadConfig(JSON.stringify({ server, buckets }), { env: {}, baseDir: '/' })
  const storage = createMemoryStorage({ maxBytes: 10_000 })
  const told: string[] = []
  const refused: unknown[] = []
  const tell = (what: string) => async (object: Location) => {
    if (fail) throw fail
    told.push(`${what} ${object.key}`)
  }
  const events = createEvents({
    config,
    originals: { written: tell('written'), deleted: tell('deleted') },
    storage: () => storage,
    callTimeout: 10_000,
    onError: error => refused.push(error),
  })
  const send = async (body: unknown, { method = 'POST', headers = { authorization }, signal = never } = {}) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    const request = { method, target: '/-/events/s3', headers, signal, requestId: '', watch() {} }
    const response = await events.answer({ ...request, body: () => Readable.from([Buffer.from(text)]) })
    const json = (await response.json()) as { code?: string; status?: string }
    return { result: `${response.status} ${json.code ?? json.status}`, headers: response.headers }
  }
  const put = (key: string, metadata?: Record<string, string>) =>
    storage.put(
      { bucket: 'photos', key },
      { body: Buffer.from('x'), size: 1, contentType: 'image/jpeg', ...(metadata ? { metadata } : {}) },
      never,
    )
  return { events, told, refused, send, put }
}

const event = (key: string, eventName = 'ObjectCreated:Put') => ({
  eventName,
  s3: { bucket: { name: 'photos' }, object: { key } },
})

describe('events of S3', () => {
  it.each([
    ['/-/events/s3', true],
    ['/-/events/s3?x=y', true],
    ['/-/events/s3/', false],
    ['/-/events/s3x', false],
    ['/-/', false],
    ['/photos/-/events/s3', false],
  ])('are heard at %s: %s', (target, taken) => expect(setUp().events.takes({ target })).toBe(taken))

  it('are told to who makes derivatives, before they are answered', async () => {
    const { send, told } = setUp()
    const { result } = await send({ Records: [event('a+b.jpg'), event('c.jpg', 's3:ObjectRemoved:Delete')] })
    expect([result, told.toSorted()]).toEqual(['200 done', ['deleted /c.jpg', 'written /a b.jpg']])
  })

  it('are none when it is a derivative that was written', async () => {
    const { send, told, put } = setUp()
    const record = {
      size: 1,
      width: 1,
      height: 1,
      plan: 'p'.repeat(32),
      original: 'v1',
      etag: 'e'.repeat(32),
      modified: 1,
    }
    await put('/made', writeRecord(record))
    await put('/uploaded')
    const { result } = await send({ Records: [event('made'), event('uploaded'), event('gone')] })
    expect([result, told.toSorted()]).toEqual(['200 done', ['written /gone', 'written /uploaded']])
  })

  it('are none when no URL can have the key', async () => {
    const { send, told } = setUp()
    expect([(await send({ Records: [event('a/../b.jpg')] })).result, told]).toEqual(['200 done', []])
  })

  it('are to be sent again when something may be left', async () => {
    const fail = new MortiseError('storage_unavailable', 'derivatives are left', { retryAfter: 7 })
    const { send, refused } = setUp({ fail })
    const { result, headers } = await send({ Records: [event('a.jpg')] })
    expect([result, headers.get('retry-after'), refused]).toEqual(['503 storage_unavailable', '7', [fail]])
  })

  it('are heard from who sends the secret as it is', async () => {
    expect((await setUp().send({ Records: [] }, { headers: { authorization: secret } })).result).toBe('200 done')
  })

  it.each(['', 'Bearer', `Bearer ${secret}x`, `Bearer ${secret.slice(1)}`, `Basic ${secret}`, 'Bearer null', 'null'])(
    'are not heard from who sends %j',
    async authorization => {
      const { send, told } = setUp()
      expect((await send({ Records: [event('a.jpg')] }, { headers: { authorization } })).result).toBe('403 forbidden')
      expect(told).toEqual([])
    },
  )

  it('are not heard at all without a secret', async () => {
    const { send } = setUp({ server: {} })
    for (const authorization of ['', 'Bearer ', 'Bearer null', 'null']) {
      expect((await send({ Records: [] }, { headers: { authorization } })).result).toBe('404 no_such_object')
    }
  })

  it('are posted', async () => {
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const { result, headers } = await setUp().send('', { method })
      expect([result, headers.get('allow')]).toEqual(['405 method_not_allowed', 'POST'])
    }
  })

  it.each([
    ['what is no notification', '{}', '400 invalid_request'],
    ['too many bytes', ' '.repeat(1024 * 1024 + 1), '413 too_large'],
    ['too many objects', { Records: Array.from({ length: 1001 }, (_, i) => event(`${i}`)) }, '413 too_large'],
  ])('are refused: %s', async (_, body, result) => expect((await setUp().send(body)).result).toBe(result))

  it('of a sender who left are nobody’s', async () => {
    const signal = AbortSignal.abort()
    expect((await setUp().send({ Records: [event('a.jpg')] }, { signal })).result).toBe('503 cancelled')
  })
})
