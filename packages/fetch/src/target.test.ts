import { describe, expect, it } from 'vitest'
import { createAddressFilter } from './addresses.ts'
import { readTarget, redirectTarget } from './target.ts'

describe('what a URL may be', () => {
  it.each([
    ['http://example.com/a.png', 'http://example.com/a.png'],
    ['HTTPS://EXAMPLE.com:8443/a.png?b=1#c', 'https://example.com:8443/a.png?b=1#c'],
    ['http://bücher.example/', 'http://xn--bcher-kva.example/'],
  ])('%s', (text, href) => {
    expect(readTarget(text).href).toBe(href)
  })

  it.each([
    'file:///etc/passwd',
    'ftp://example.com/a.png',
    'data:image/png;base64,AAAA',
    'gopher://127.0.0.1:6379/_INFO',
    'javascript:alert(1)',
    'blob:http://example.com/1',
    'unix:/run/docker.sock',
    '/etc/passwd',
    'logo.png',
    '//example.com/a.png',
    'http://',
    'http://[fe80::1%25eth0]/',
    'http://[::1',
    'http://256.1.1.1/',
    'http://user@example.com/',
    'http://user:secret@example.com/',
    '',
  ])('not "%s"', text => {
    expect(() => readTarget(text)).toThrow(expect.objectContaining({ code: 'invalid_request' }))
  })
})

describe('every spelling of an address inside is refused', () => {
  const mayConnect = createAddressFilter([])

  it.each([
    ...['http://127.0.0.1/', 'http://127.1/', 'http://127.0.1/', 'http://2130706433/', 'http://0x7f000001/'],
    ...['http://0x7f.1/', 'http://0177.0.0.1/', 'http://017700000001/', 'http://127.0.0.1./', 'http://0/'],
    ...['http://0x7f.0x0.0x0.0x1/', 'http://127.000.000.001/', 'http://%31%32%37.0.0.1/', 'http://①②⑦.0.0.1/'],
    ...['http://127。0。0。1/', 'http://2852039166/', 'http://0xa9fea9fe/', 'http://0251.0376.0251.0376/'],
    ...['http://[::1]/', 'http://[0:0:0:0:0:0:0:1]/', 'http://[::ffff:127.0.0.1]/', 'http://[::ffff:7f00:1]/'],
    ...['http://[::127.0.0.1]/', 'http://[::]/', 'http://[64:ff9b::7f00:1]/', 'http://[fd00:ec2::254]/'],
    ...['http:127.0.0.1', 'http:\\\\127.0.0.1\\', 'http://\t127.0.0.1/', 'http:/127.0.0.1/'],
  ])('%s', text => {
    const address = readTarget(text).hostname.replace(/^\[|\]$/g, '')
    expect(mayConnect(address)).toBe(false)
  })
})

describe('where a redirect may lead', () => {
  it.each([
    ['http://a.example/x/y', 'z', 'http://a.example/x/z'],
    ['http://a.example/x/y', '//b.example/z', 'http://b.example/z'],
    ['http://a.example/', 'https://b.example/', 'https://b.example/'],
    ['https://a.example/', 'https://b.example/', 'https://b.example/'],
  ])('from %s by %s', (from, location, to) => {
    expect(redirectTarget(location, new URL(from)).href).toBe(to)
  })

  it.each([
    ['https://a.example/', 'http://a.example/'],
    ['http://a.example/', 'file:///etc/passwd'],
    ['http://a.example/', 'http://user:secret@a.example/'],
    ['http://a.example/', 'http://[::1'],
    ['http://a.example/', undefined],
    ['http://a.example/', ['http://b.example/', 'http://c.example/']],
  ])('not from %s by %s', (from, location) => {
    expect(() => redirectTarget(location, new URL(from))).toThrow(expect.objectContaining({ code: 'invalid_request' }))
  })
})
