import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createPlaces, isBeginning, isPathBeginning, localPath } from './keys.ts'

describe('a place', () => {
  const rows: [name: string, options: { bucket?: string; pathPrefix?: string }, key: string, place: object][] = [
    ['is the key in its bucket', {}, '/a/b.jpg', { container: 'photos', key: 'a/b.jpg', folder: false }],
    ['is in the configured bucket', { bucket: 'x' }, '/a', { container: 'x', key: 'a', folder: false }],
    ['is in its own bucket when none is named', { bucket: '' }, '/a', { container: 'photos', key: 'a', folder: false }],
    ['has the prefix', { pathPrefix: 'p/q' }, '/a', { container: 'photos', key: 'p/q/a', folder: false }],
    ['has the prefix without its slashes', { pathPrefix: '//p//q/' }, '/a', { key: 'p/q/a' }],
    ['keeps the slashes of the key', {}, '//a//b', { key: '/a//b', folder: false }],
    ['keeps them behind a prefix', { pathPrefix: 'p' }, '//a', { key: 'p//a' }],
    ['may be a folder', {}, '/a/b/', { key: 'a/b/', folder: true }],
    ['may be a folder without a name', {}, '//', { key: '/', folder: true }],
    ['may have 1,024 bytes', {}, `/${'é'.repeat(512)}`, { folder: false }],
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

it('is another one for every other key', () => {
  const place = createPlaces({ pathPrefix: 'p' })
  const key = fc.array(fc.constantFrom('/', '//', 'a', 'b', '.a', '%2F', '+', ' ')).map(parts => `/a${parts.join('')}`)
  fc.assert(
    fc.property(key, key, (one, other) => {
      const [first, second] = [one, other].map(text => place({ bucket: 'photos', key: text }).key)
      expect(first === second).toBe(one === other)
    }),
  )
})

describe('the path of a file', () => {
  const place = createPlaces({ pathPrefix: 'p' })
  const pathOf = (key: string) => localPath('local', '/root', place({ bucket: 'photos', key }))

  it('is that of its place', () => expect(pathOf('/a/b.jpg')).toBe('/root/photos/p/a/b.jpg'))

  it.each([
    ['/a//b', /^repeats a slash, which a storage of kind local cannot keep$/],
    ['//a', /^repeats a slash/],
    ['/a//', /^repeats a slash/],
    [`/a/${'x'.repeat(256)}`, /^has more than 255 bytes between two slashes, .* local$/],
  ])('is refused, and why: %.10s', (key, why) => {
    expect(() => pathOf(key)).toThrow(
      expect.objectContaining({ code: 'invalid_request', why: expect.stringMatching(why) }),
    )
  })

  it('is another one for every other key', () => {
    const key = fc.array(fc.constantFrom('/', 'a', 'b', '.a', '%2F', ' ')).map(parts => `/a${parts.join('')}b`)
    const pathOrNull = (text: string) => (text.includes('//') ? null : pathOf(text))
    fc.assert(
      fc.property(key, key, (one, other) => {
        const paths = [one, other].map(pathOrNull)
        expect(paths[0] !== null && paths[0] === paths[1]).toBe(one === other && paths[0] !== null)
      }),
    )
  })
})

describe('what a listing begins with', () => {
  it.each([
    ['/', true, true],
    ['/a/b', true, true],
    ['/a/.', true, true],
    ['//', true, false],
    ['/a//b', true, false],
    ['/a/../', false, false],
    ['/a\\', false, false],
    [`/${'x'.repeat(1025)}`, false, false],
  ])('may be %.10s: %s, among files: %s', (text, ofKeys, ofPaths) => {
    expect([isBeginning(text), isPathBeginning(text)]).toEqual([ofKeys, ofPaths])
  })
})

it('lies below its root as a file, whatever the key', () => {
  const place = createPlaces({ pathPrefix: 'p' })
  const part = fc.constantFrom('..', '.', '/', '//', '\\', '\0', 'a', '%2e%2e', '…', ' ', '~')
  const key = fc.array(part).map(parts => `/${parts.join('')}`)
  fc.assert(
    fc.property(key, text => {
      let path: string
      try {
        path = localPath('local', '/root', place({ bucket: 'photos', key: text }))
      } catch (error) {
        expect(error).toMatchObject({ code: 'invalid_request' })
        return
      }
      expect(path).toMatch(/^\/root\/photos\/p\/./)
      expect(path.split('/')).not.toContain('..')
    }),
  )
})
