import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseAddress, parseQuery, parseTarget, publicKey } from './address.ts'
import { planOf, resolve } from './harness.ts'

describe('a request target', () => {
  it.each([
    ['/b/cat.jpg', '/b/cat.jpg'],
    ['/b/a%20b.jpg', '/b/a b.jpg'],
    ['/b/a+b.jpg', '/b/a+b.jpg'],
    ['/b/caf%C3%A9.jpg', '/b/café.jpg'],
    ['/b//x', '/b//x'],
    ['/b/...', '/b/...'],
    ['/b/.hidden', '/b/.hidden'],
    ['/b/a%2Fb', '/b/a/b'],
    ['/b/%252e%252e/x', '/b/%2e%2e/x'],
    ['http://elsewhere/b/cat.jpg', '/b/cat.jpg'],
    ['http://elsewhere', '/'],
  ])('%s is the path %s', (target, path) => {
    expect(parseTarget(target).path).toBe(path)
  })

  it.each([
    '/b/../x',
    '/b/..',
    '/./b/x',
    '/b/%2e%2e/x',
    '/b/..%2fx',
    '/b/a%00.jpg',
    '/b/a%0d%0aset-cookie:x',
    '/b/a\\b',
    '/b/a%5Cb',
    '/b/%zz',
    '/b/%',
    '/b/%ff',
    '*',
    'b/x',
    '',
  ])('%j is refused', target => {
    expect(() => parseTarget(target)).toThrow(expect.objectContaining({ code: 'invalid_request' }))
  })

  it('is refused or safe, whatever it is', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.webUrl().map(url => url.slice(8)),
        ),
        text => {
          try {
            const { path } = parseTarget(`/${text}`)
            expect(path.startsWith('/')).toBe(true)
            expect(path.split('/')).not.toContain('..')
            expect(path).not.toMatch(/[\0-\x1f\\]/)
          } catch (error) {
            expect(error).toMatchObject({ code: 'invalid_request' })
          }
        },
      ),
    )
  })
})

describe('an address', () => {
  it.each([
    ['/', '', null],
    ['/b', 'b', null],
    ['/b/', 'b', '/'],
    ['/b/x/y', 'b', '/x/y'],
    ['//x', '', '/x'],
  ])('%s', (path, bucket, key) => {
    expect(parseAddress(path)).toEqual({ bucket, key })
  })
})

describe('repeated slashes', () => {
  it.each([
    ['/a/b.jpg', '/a/b.jpg'],
    ['//a///b.jpg', '/a/b.jpg'],
    ['//', '/'],
    ['/a//', '/a/'],
    ['/a/-b', '/a/-b'],
  ])('make the key %s be %s to everybody', (key, expected) => {
    expect(publicKey(key)).toBe(expected)
  })

  it.each([
    ['/plain//a///b.jpg', '/plain/a/b.jpg'],
    ['/plain/a//', '/plain/a/'],
    ['/query//a//b.jpg', '/query/a/b.jpg'],
    ['/query//a//b.jpg?width=5', '/query/a/b.jpg?width=5'],
    ['/presets/small//a//b.jpg', '/presets/small/a/b.jpg'],
    ['/cloud/c_fill,w_5//a//b.jpg', '/cloud/c_fill,w_5/a/b.jpg'],
    ['/hashed//a//b.jpg?width=5', '/hashed/a/b.jpg?width=5'],
    ['/hashedToo/small//a//b.jpg', '/hashedToo/small/a/b.jpg'],
  ])('make %s mean what %s does', (target, single) => {
    expect(resolve(target)).toEqual(resolve(single))
  })

  it('make no other key: a dash is none of them', () => {
    const [one, other] = ['/query/a//b.jpg?width=5', '/query/a/-b.jpg?width=5'].map(target => planOf(target))
    expect(one?.derivative.key).not.toBe(other?.derivative.key)
    expect(one?.id).not.toBe(other?.id)
  })
})

describe('a query', () => {
  it.each([
    ['a=1&a=2', ['1', '2']],
    ['a=x+y', ['x y']],
    ['a=%41', ['A']],
    ['a', ['']],
    ['a=1;b=2', []],
    ['a=%zz', []],
    ['b=1', []],
    ['%61=1', ['1']],
    ['A=1', []],
  ])('%s gives %j for a', (text, values) => {
    expect(parseQuery(text).all('a')).toEqual(values)
    expect(parseQuery(text).get('a')).toBe(values[0])
  })
})
