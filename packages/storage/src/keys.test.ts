import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createPlaces, localPath } from './keys.ts'

describe('a place', () => {
  const rows: [name: string, options: { bucket?: string; pathPrefix?: string }, key: string, place: object][] = [
    ['is the key in its bucket', {}, '/a/b.jpg', { container: 'photos', key: 'a/b.jpg', folder: false }],
    ['is in the configured bucket', { bucket: 'x' }, '/a', { container: 'x', key: 'a', folder: false }],
    ['is in its own bucket when none is named', { bucket: '' }, '/a', { container: 'photos', key: 'a', folder: false }],
    ['has the prefix', { pathPrefix: 'p/q' }, '/a', { container: 'photos', key: 'p/q/a', folder: false }],
    ['has the prefix without its slashes', { pathPrefix: '//p/' }, '//a', { key: 'p/a' }],
    ['may be a folder', {}, '/a//b//', { key: 'a/b/', folder: true }],
    ['may have 1,024 bytes with its prefix', { pathPrefix: 'p' }, `/${'a'.repeat(1022)}`, { folder: false }],
  ]
  for (const [name, options, key, place] of rows) {
    it(name, () => expect(createPlaces(options)({ bucket: 'photos', key })).toMatchObject(place))
  }

  it('counts the prefix when it counts bytes', () => {
    const place = createPlaces({ pathPrefix: 'p' })
    const tooLong = { bucket: 'photos', key: `/${'a'.repeat(1023)}` }
    expect(() => place(tooLong)).toThrow(expect.objectContaining({ code: 'invalid_request' }))
  })

  for (const bucket of ['', '.', '..', 'a/b', '/a', 'a\\b', 'a\0', 'x'.repeat(256)]) {
    it(`is in no bucket ${JSON.stringify(bucket.slice(0, 5))}`, () => {
      const place = createPlaces({})
      expect(() => place({ bucket, key: '/a' })).toThrow(expect.objectContaining({ code: 'invalid_request' }))
    })
  }
})

it('lies below its root as a file, whatever the key', () => {
  const place = createPlaces({ pathPrefix: 'p' })
  const part = fc.constantFrom('..', '.', '/', '//', '\\', '\0', 'a', '%2e%2e', '…', ' ', '~')
  const key = fc.array(part).map(parts => `/${parts.join('')}`)
  fc.assert(
    fc.property(key, text => {
      let path: string
      try {
        path = localPath('/root', place({ bucket: 'photos', key: text }))
      } catch (error) {
        expect(error).toMatchObject({ code: 'invalid_request' })
        return
      }
      expect(path).toMatch(/^\/root\/photos\/p\/./)
      expect(path.split('/')).not.toContain('..')
    }),
  )
})
