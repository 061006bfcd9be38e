import { describe, expect, it } from 'vitest'
import { accessKey, later, lookup, now, v2Authorization, v2Signature } from '../harness.ts'
import type { Headers, S3Request } from '../request.ts'
import { createS3Auth } from '../s3-auth.ts'

const auth = createS3Auth()
const check = (request: S3Request) => auth.authenticate(request, lookup)
const refusal = (s3Code: string, more: object = {}) => expect.objectContaining({ s3Code, ...more })
const date = 'Wed, 04 Mar 2026 05:06:07 GMT'

function inHeader(target: string, lines: string[], headers: Headers = { date }, method = 'GET'): S3Request {
  const authorization = v2Authorization([method, ...lines].join('\n'))
  return { method, rawTarget: target, headers: { ...headers, authorization }, now }
}

function inQuery(target: string, expires: number, resource = target): S3Request {
  const signature = encodeURIComponent(v2Signature(`GET\n\n\n${expires}\n${resource}`))
  const mark = target.includes('?') ? '&' : '?'
  const query = `AWSAccessKeyId=${accessKey}&Expires=${expires}&Signature=${signature}`
  return { method: 'GET', rawTarget: `${target}${mark}${query}`, headers: {}, now }
}

describe('a signature of version 2 in the header', () => {
  it.each<[string, S3Request]>([
    ['the path', inHeader('/b/a%20b+%C3%BC//c', ['', '', date, '/b/a%20b+%C3%BC//c'])],
    ['the path, escaped as it should have been', inHeader('/b/a+b', ['', '', date, '/b/a%2Bb'])],
    ['no common parameters', inHeader('/b?prefix=x&max-keys=1', ['', '', date, '/b'])],
    [
      'sub-resources, sorted',
      inHeader('/b/k?uploadId=9&partNumber=1&x=2', ['', '', date, '/b/k?partNumber=1&uploadId=9']),
    ],
    ['a sub-resource that is not first', inHeader('/b?prefix=x&acl', ['', '', date, '/b?acl'])],
    [
      'overrides of headers, unescaped',
      inHeader('/b/k?response-content-type=text%2Fplain%3B%20a', [
        '',
        '',
        date,
        '/b/k?response-content-type=text/plain; a',
      ]),
    ],
    [
      'its own date header, which leaves the line of the date empty',
      inHeader('/b', ['', '', '', `x-amz-date:${date}`, '/b'], {
        date: 'Wed, 04 Mar 1970 00:00:00 GMT',
        'x-amz-date': date,
      }),
    ],
    [
      'the headers about the body',
      inHeader(
        '/b/k',
        ['1B2M2Y8AsgTpgAmY7PhCfg==', 'image/png', date, 'x-amz-acl:private', 'x-amz-meta-a:two words', '/b/k'],
        {
          date,
          'content-md5': '1B2M2Y8AsgTpgAmY7PhCfg==',
          'content-type': 'image/png',
          'x-amz-meta-a': ' two\n  words',
          'x-amz-acl': 'private',
        },
        'PUT',
      ),
    ],
  ])('signs %s', (_name, request) => {
    expect(check(request)?.identity).toEqual({ accessKey, form: 'v2-header' })
  })

  it.each<[string, Partial<S3Request>]>([
    ['another method', { method: 'DELETE' }],
    ['another path', { rawTarget: '/b/other?acl' }],
    ['no sub-resource', { rawTarget: '/b/k' }],
    ['another sub-resource', { rawTarget: '/b/k?tagging' }],
    ['another value of it', { rawTarget: '/b/k?acl=1' }],
  ])('does not prove %s', (_name, change) => {
    const request = inHeader('/b/k?acl', ['', '', date, '/b/k?acl'])
    expect(() => check({ ...request, ...change })).toThrow(refusal('SignatureDoesNotMatch'))
  })

  it.each<[string, Headers]>([
    ['a header of Amazon', { 'x-amz-copy-source': '/b/secret' }],
    ['a content type', { 'content-type': 'text/html' }],
    ['a digest', { 'content-md5': '1B2M2Y8AsgTpgAmY7PhCfg==' }],
  ])('does not prove %s that it does not sign', (_name, headers) => {
    const request = inHeader('/b/k', ['', '', date, '/b/k'])
    const more = { ...request, headers: { ...request.headers, ...headers } }
    expect(() => check(more)).toThrow(refusal('SignatureDoesNotMatch'))
  })

  it.each([
    [
      'a value that reads as another parameter',
      '/b/k?response-content-disposition=x%26response-content-type=text%2Fhtml',
      '/b/k?response-content-disposition=x&response-content-type=text/html',
    ],
    ['a value that ends with the name of one', '/b/k?partNumber=1%26uploadId', '/b/k?partNumber=1&uploadId'],
    [
      'two values of one parameter',
      '/b/k?response-content-type=a&response-content-type=b',
      '/b/k?response-content-type=a&response-content-type=b',
    ],
  ])('does not prove %s', (_name, target, resource) => {
    const request = inHeader(target, ['', '', date, resource])
    expect(() => check(request)).toThrow(refusal('InvalidRequest'))
  })

  it('signs a value with an ampersand that can only be one', () => {
    const target = '/b/k?response-content-disposition=attachment%3B%20filename%3D%22a%26b.txt%22'
    const resource = '/b/k?response-content-disposition=attachment; filename="a&b.txt"'
    expect(check(inHeader(target, ['', '', date, resource]))).not.toBeNull()
  })

  it('is good for 15 minutes before and after', () => {
    const request = inHeader('/b', ['', '', date, '/b'])
    for (const seconds of [-900, 900]) expect(check({ ...request, now: later(seconds) })).not.toBeNull()
    for (const seconds of [-901, 901]) {
      expect(() => check({ ...request, now: later(seconds) })).toThrow(refusal('RequestTimeTooSkewed'))
    }
  })

  it.each<[string, Headers, string]>([
    ['no date', {}, 'AccessDenied'],
    ['a date that is none', { date: 'yesterday' }, 'AccessDenied'],
    ['a key that nobody has', { date, authorization: 'AWS nobody:AAAAAAAAAAAAAAAAAAAAAAAAAAA=' }, 'InvalidAccessKeyId'],
    ['no signature', { date, authorization: `AWS ${accessKey}:` }, 'AuthorizationHeaderMalformed'],
    ['no key', { date, authorization: 'AWS :AAAAAAAAAAAAAAAAAAAAAAAAAAA=' }, 'AuthorizationHeaderMalformed'],
    ['a signature that is too short', { date, authorization: `AWS ${accessKey}:AAAA` }, 'SignatureDoesNotMatch'],
    [
      'that of another key',
      { date, authorization: v2Authorization(`GET\n\n\n${date}\n/b`, 'x') },
      'SignatureDoesNotMatch',
    ],
  ])('with %s is refused', (_name, headers, code) => {
    const authorization = v2Authorization(`GET\n\n\n${date}\n/b`)
    const request = { method: 'GET', rawTarget: '/b', headers: { authorization, ...headers }, now }
    expect(() => check(request)).toThrow(refusal(code))
  })
})

describe('a signature of version 2 in the query', () => {
  const expires = now.getTime() / 1000 + 60

  it('proves a path and its sub-resources until it expires', () => {
    expect(check(inQuery('/b/a%20b', expires))?.identity).toEqual({ accessKey, form: 'v2-query' })
    const request = inQuery('/b/k?versionId=7', expires)
    expect(check({ ...request, now: later(60) })).not.toBeNull()
    expect(() => check({ ...request, now: later(61) })).toThrow(
      refusal('AccessDenied', { message: 'Request has expired' }),
    )
  })

  it('may hold pluses', () => {
    const withPlus = [...Array(64).keys()].map(i => inQuery(`/b/${i}`, expires)).find(r => r.rawTarget.includes('%2B'))!
    expect(check({ ...withPlus, rawTarget: withPlus.rawTarget.replaceAll('%2B', '+') })).not.toBeNull()
  })

  it.each(['Expires', 'Signature', 'AWSAccessKeyId'])('needs %s, once', name => {
    const request = inQuery('/b/k', expires)
    const twice = `${request.rawTarget}&${name}=1`
    expect(() => check({ ...request, rawTarget: twice })).toThrow(refusal('AccessDenied'))
    const [, parameter] = new RegExp(`[?&](${name}=[^&]*)`).exec(request.rawTarget) ?? []
    const empty = request.rawTarget.replace(parameter!, `${name}=`)
    expect(() => check({ ...request, rawTarget: empty })).toThrow(refusal('AccessDenied'))
  })

  it.each([
    ['another path', '/b/k', '/b/other'],
    ['another expiry', `Expires=${expires}`, `Expires=${expires + 1}`],
    ['another method', '', ''],
  ])('does not prove %s', (_name, from, to) => {
    const request = inQuery('/b/k', expires)
    const method = from === '' ? 'PUT' : 'GET'
    expect(() => check({ ...request, method, rawTarget: request.rawTarget.replace(from, to) })).toThrow(
      refusal('SignatureDoesNotMatch'),
    )
  })
})
