import { Readable } from 'node:stream'
import type { StoredObject } from '@mortise/storage'
import { describe, expect, it, vi } from 'vitest'
import type { Encoded, Entity } from './entity.ts'
import { respond } from './respond.ts'

const bytes = Buffer.from('0123456789')
const described = { fields: { 'content-type': 'text/plain', etag: '"a"' }, etag: '"a"', lastModified: 0 }
const inMemory: Entity = { ...described, size: 10, body: { kind: 'bytes', bytes } }

function stored(content: Buffer): Entity {
  const open = (range?: { start: number; end?: number }): StoredObject => {
    const part = range ? content.subarray(range.start, (range.end ?? content.length) + 1) : content
    return {
      stream: () => Readable.from([part]),
      bytes: async () => part,
      [Symbol.asyncDispose]: async () => {},
    } as unknown as StoredObject
  }
  const reopen = async (range: unknown) => open(range as { start: number; end?: number })
  return { ...described, size: content.length, body: { kind: 'stored', object: open(), reopen } }
}

async function ask(entity: Entity | Encoded, fields: Record<string, string> = {}, method = 'GET') {
  const watch = vi.fn()
  const response = await respond(entity, { method, fields, watch })
  return { status: response.status, text: await response.text(), headers: response.headers, watch }
}

describe('bodies in memory are reported before they are handed over', () => {
  it.each<[string, Record<string, string>, number]>([
    ['the whole', {}, 200],
    ['a part, which keeps the whole in memory', { range: 'bytes=1-2' }, 206],
    ['several parts', { range: 'bytes=1-2,5-6' }, 206],
  ])('%s', async (_, fields, status) => {
    const answer = await ask(inMemory, fields)
    expect(answer.status).toBe(status)
    expect(answer.watch.mock.calls).toEqual([[bytes]])
  })

  it('what was read from a storage because it is small', async () => {
    const { text, watch } = await ask(stored(bytes))
    expect([text, watch.mock.calls]).toEqual(['0123456789', [[bytes]]])
  })

  it.each<[string, Entity, Record<string, string>, string]>([
    ['HEAD', inMemory, {}, 'HEAD'],
    ['a 304', inMemory, { 'if-none-match': '*' }, 'GET'],
    ['a stream', stored(Buffer.alloc(300_000)), {}, 'GET'],
  ])('but not %s, which holds none', async (_, entity, fields, method) => {
    expect((await ask(entity, fields, method)).watch).not.toHaveBeenCalled()
  })
})

describe('what is compressed while it is sent', () => {
  const encoded = (stream: Readable | null): Encoded => ({ ...described, body: { kind: 'encoded', stream } })

  it('has no length, and no parts', async () => {
    const { status, text, headers } = await ask(encoded(Readable.from([bytes])), { range: 'bytes=1-2' })
    expect([status, text, headers.get('content-length')]).toEqual([200, '0123456789', null])
  })

  it.each<[string, Record<string, string>, number]>([
    ['HEAD', {}, 200],
    ['GET', { 'if-none-match': '"a"' }, 304],
    ['GET', { 'if-match': '"b"' }, 412],
  ])('is closed unread for %s with %j: %i', async (method, fields, status) => {
    const stream = new Readable({ read: () => expect.unreachable() })
    const answer = await ask(encoded(stream), fields, method)
    expect([answer.status, answer.text, stream.destroyed]).toEqual([status, '', true])
  })
})
