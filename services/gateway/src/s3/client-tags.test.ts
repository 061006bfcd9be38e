import { createMemoryStorage } from '@mortise/storage/memory'
import { describe, expect, it } from 'vitest'
import { withClientTags } from './client-tags.ts'

const signal = new AbortController().signal
const at = { bucket: 'b', key: '/k' }
const md5 = 'd41d8cd98f00b204e9800998ecf8427e'

function storedAs(etag: string) {
  const storage = createMemoryStorage({ maxBytes: 10_000 })
  const told = withClientTags(storage)
  return {
    storage,
    told,
    put: (more: object = {}) => told.put(at, { body: Buffer.of(), size: 0, etag, ...more }, signal),
  }
}

describe('a tag for clients of S3', () => {
  it.each([
    ['0x8DE1A2B3C4D5E6F', '0x8DE1A2B3C4D5E6F-1'],
    [md5, md5],
    [`${md5}-3`, `${md5}-3`],
    [md5.toUpperCase(), `${md5.toUpperCase()}-1`],
    ['1712345678901234-2', '1712345678901234-2'],
  ])('is of %s %s, wherever it is told', async (etag, expected) => {
    const { told, put } = storedAs(etag)
    expect((await put()).etag).toBe(expected)
    expect((await told.head(at, signal))?.etag).toBe(expected)
    await using object = (await told.get(at, { signal }))!
    expect(object.info.etag).toBe(expected)
    const { objects } = await told.list!('b', { prefix: '/', limit: 10, signal })
    expect(objects.map(({ info }) => info.etag)).toEqual([expected])
  })

  it.each([
    ['0x8D', '0x8D-1'],
    ['17-1', '17-1'],
  ])('is a condition as it was told: %s as %s', async (etag, condition) => {
    const { put } = storedAs(etag)
    await put()
    await expect(put({ ifMatch: `${condition}x` })).rejects.toMatchObject({ code: 'precondition_failed' })
    await expect(put({ ifMatch: `${condition}-1` })).rejects.toMatchObject({ code: 'precondition_failed' })
    expect((await put({ ifMatch: condition })).etag).toBe(condition)
  })
})
