import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseAddress, parseQuery, parseTarget } from './address.ts'

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
