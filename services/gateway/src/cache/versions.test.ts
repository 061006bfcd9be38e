import { expect, it } from 'vitest'
import { createMemoryCache } from './memory-cache.ts'
import { createVersions } from './versions.ts'

it('is current until the object changes', () => {
  const versions = createVersions()
  const before = versions.of('/trip/a.jpg')
  expect(before.isCurrent()).toBe(true)
  versions.change('/trip/a.jpg')
  expect(before.isCurrent()).toBe(false)
  expect(versions.of('/trip/a.jpg').isCurrent()).toBe(true)
  expect(versions.of('/trip/a.jpg').stamp).not.toBe(before.stamp)
})

it('knows an object by its last segment, whatever the prefix of its storage', () => {
  const versions = createVersions()
  const before = versions.of('/prefix/trip/a.jpg')
  const other = versions.of('/trip/b.jpg')
  versions.change('/a.jpg')
  expect([before.isCurrent(), other.isCurrent()]).toEqual([false, true])
})

it('lets the cache keep nothing that was read before a change', () => {
  const versions = createVersions()
  const cache = createMemoryCache({ maxBytes: 1e6, maxItemBytes: 1e6, minUseCount: 0 })
  const put = (version = versions.of('/a')) =>
    cache.set(
      'key',
      { fields: {}, etag: '', lastModified: 0, size: 1, body: { kind: 'bytes', bytes: Buffer.from('x') }, version },
      60,
    )
  put()
  cache.remember('/b/a', '', 'key')
  expect(cache.get('key')?.size).toBe(1)
  const slow = versions.of('/a')
  versions.change('/a')
  expect([cache.get('key'), cache.find('/b/a', '')]).toEqual([undefined, undefined])
  put(slow)
  expect(cache.get('key')).toBeUndefined()
  expect(cache.stats().entries).toBe(0)
})
