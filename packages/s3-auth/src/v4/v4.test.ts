import { describe, expect, it } from 'vitest'
import { accessKey, type Draft, later, lookup, now, secret, sha256, signHeader, signQuery } from '../harness.ts'
import type { S3Request } from '../request.ts'
import { createS3Auth } from '../s3-auth.ts'

const auth = createS3Auth()
const check = (request: S3Request, by = auth) => by.authenticate(request, lookup)
const refusal = (s3Code: string, more: object = {}) => expect.objectContaining({ s3Code, ...more })
const without = (request: S3Request, name: string): S3Request => {
  const { [name]: _, ...headers } = request.headers
  return { ...request, headers }
}
const withHeader = (request: S3Request, name: string, value: string | string[]): S3Request => ({
  ...request,
  headers: { ...request.headers, [name]: value },
})

describe.each([
  ['the header', signHeader],
  ['the query', signQuery],
])('a signature of version 4 in %s', (_, sign) => {
  it.each([
    ['an object', '/photos/cat.jpg'],
    ['the root', '/'],
    ['spaces and a plus', '/photos/a%20b%2Bc%20.jpg'],
    ['a percent sign', '/photos/100%25%20%2541.jpg'],
    ['two slashes and dots', '/photos//a/./../b/'],
    ['letters of other scripts', '/photos/Gr%C3%BC%C3%9Fe/%E6%97%A5%E6%9C%AC.jpg'],
    ['an escaped slash', '/photos/a%2Fb.jpg'],
    ['all that may be escaped', '/photos/%21%22%23%24%26%27%28%29%2A%2C%3A%3B%3D%3F%40%5B%5D.jpg'],
    ['what need not be escaped', '/photos/A-Z_a.z~0'],
    ['parameters', '/photos?list-type=2&prefix=a%20b%2Fc&delimiter=%2F&start-after=%C3%BC'],
    ['a parameter without a value', '/photos/cat.jpg?uploads='],
    ['a plus in a parameter', '/photos?prefix=a%2Bb&marker=x%3Dy%26z'],
  ])('proves a request for %s', async (_name, target) => {
    expect(check(await sign({ target }))?.identity.accessKey).toBe(accessKey)
  })

  it.each<[string, (request: S3Request) => S3Request]>([
    ['another method', request => ({ ...request, method: 'PUT' })],
    ['another path', request => ({ ...request, rawTarget: request.rawTarget.replace('cat', 'dog') })],
    ['one more slash', request => ({ ...request, rawTarget: `/${request.rawTarget}` })],
    ['another parameter', request => ({ ...request, rawTarget: request.rawTarget.replace('prefix=a', 'prefix=b') })],
    ['one more parameter', request => ({ ...request, rawTarget: `${request.rawTarget}&uploads` })],
    ['one parameter twice', request => ({ ...request, rawTarget: `${request.rawTarget}&prefix=a` })],
    ['another host', request => withHeader(request, 'host', 's3.example.org')],
    ['no host', request => without(request, 'host')],
  ])('does not prove %s', async (_name, change) => {
    const request = change(await sign({ target: '/photos/cat.jpg?prefix=a' }))
    expect(() => check(request)).toThrow(refusal('SignatureDoesNotMatch'))
  })

  it('is of one key only', async () => {
    const request = await sign({}, { key: 'another' })
    expect(() => check(request)).toThrow(refusal('SignatureDoesNotMatch', { code: 'forbidden' }))
  })

  it('needs a key that is known, and a secret that is not empty', async () => {
    const request = await sign({}, { key: '' })
    for (const found of [undefined, '']) {
      expect(() => auth.authenticate(request, () => found)).toThrow(refusal('InvalidAccessKeyId'))
    }
  })

  it('names the region mort, or any by setting', async () => {
    const code = sign === signHeader ? 'AuthorizationHeaderMalformed' : 'AuthorizationQueryParametersError'
    const request = await sign({}, { region: 'us-east-1' })
    expect(() => check(request)).toThrow(refusal(code, { details: { Region: 'mort' } }))
    expect(check(request, createS3Auth({ anyRegion: true }))).not.toBeNull()
    expect(check(request, createS3Auth({ region: 'us-east-1' }))).not.toBeNull()
    expect(() => check(request, createS3Auth({ region: 'eu' }))).toThrow(refusal(code, { details: { Region: 'eu' } }))
  })

  it('follows a secret that changes', async () => {
    const request = await sign({})
    expect(check(request)).not.toBeNull()
    expect(() => auth.authenticate(request, () => 'the new one')).toThrow(refusal('SignatureDoesNotMatch'))
  })

  it.each(['x-amz-copy-source', 'x-amz-acl', 'x-amz-meta-name'])('signs %s too', async name => {
    const request = withHeader(await sign({ method: 'PUT' }), name, 'x')
    expect(() => check(request)).toThrow(refusal('AccessDenied', { details: { HeadersNotSigned: name } }))
  })
})

describe('a signature of version 4 in the header', () => {
  it.each<[string, Draft]>([
    ['a port of its own', { headers: { host: 'localhost:9000' } }],
    ['white space in a header', { headers: { 'x-amz-meta-a': '  two   spaces ' } }],
    ['an empty header', { headers: { 'x-amz-meta-a': '' } }],
    ['a digest of the body', { method: 'PUT', payload: sha256('body') }],
    ['a content type', { method: 'PUT', headers: { 'content-type': 'image/jpeg', 'x-amz-acl': 'private' } }],
  ])('proves a request with %s', async (_name, draft) => {
    expect(check(await signHeader(draft))?.identity).toEqual({ accessKey, form: 'v4-header' })
  })

  it('may be written without spaces, and in another order', async () => {
    const request = await signHeader({})
    const authorization = String(request.headers.authorization)
    const fields = authorization.slice('AWS4-HMAC-SHA256 '.length).split(', ')
    for (const text of [fields.join(','), fields.toReversed().join(' ,  ')]) {
      expect(check(withHeader(request, 'authorization', `AWS4-HMAC-SHA256 ${text}`))).not.toBeNull()
    }
  })

  it('may be over a host without the port that goes without saying', async () => {
    for (const port of [80, 443]) {
      expect(check(withHeader(await signHeader({}), 'host', `s3.example.com:${port}`))).not.toBeNull()
    }
    const request = withHeader(await signHeader({}), 'host', 's3.example.com:8080')
    expect(() => check(request)).toThrow(refusal('SignatureDoesNotMatch'))
  })

  it('may be over a path that is not escaped where it should be', async () => {
    expect(check(await signHeader({ target: "/photos/a+b(c)'d.jpg" }))).not.toBeNull()
    const escaped = await signHeader({ target: '/photos/a%2Bb.jpg' })
    expect(check({ ...escaped, rawTarget: '/photos/a+b.jpg' })).not.toBeNull()
  })

  it('may be over a key with slashes that were sent escaped', async () => {
    const request = await signHeader({ target: '/photos/a/b.jpg' })
    expect(check({ ...request, rawTarget: '/photos/a%2Fb.jpg' })).not.toBeNull()
  })

  it('may be over a space that was sent as a plus in a parameter, where a plus is one', async () => {
    const request = await signHeader({ target: '/photos?prefix=a%20b' })
    expect(check({ ...request, rawTarget: '/photos?prefix=a+b' })).not.toBeNull()
    expect(() => check({ ...request, rawTarget: '/photos?prefix=a%2Bb' })).toThrow(refusal('SignatureDoesNotMatch'))
  })

  it('may be over letters in UTF-8 or in Latin-1, whichever was sent', async () => {
    // The signer signs the UTF-8 of it. A client in Go sends that, and node reads each byte as a letter.
    const request = await signHeader({ headers: { 'x-amz-meta-name': 'Grüße, voilà' } })
    expect(check(request)).not.toBeNull()
    expect(check(withHeader(request, 'x-amz-meta-name', Buffer.from('Grüße, voilà').toString('latin1')))).not.toBeNull()
    expect(() => check(withHeader(request, 'x-amz-meta-name', 'Grusse'))).toThrow(refusal('SignatureDoesNotMatch'))
  })

  it('does not survive the removal of a header that it signs', async () => {
    const request = await signHeader({ headers: { 'x-amz-acl': '', 'x-amz-meta-a': 'undefined', range: 'bytes=0-1' } })
    for (const name of ['x-amz-acl', 'x-amz-meta-a', 'range']) {
      expect(() => check(without(request, name))).toThrow(refusal('SignatureDoesNotMatch'))
    }
  })

  it('lets headers be added that mean nothing to it', async () => {
    expect(check(withHeader(await signHeader({}), 'x-forwarded-for', '10.0.0.1'))).not.toBeNull()
  })

  it('signs its host', async () => {
    const request = await signHeader({})
    const authorization = String(request.headers.authorization).replace('SignedHeaders=host;', 'SignedHeaders=')
    expect(() => check(withHeader(request, 'authorization', authorization))).toThrow(
      refusal('AccessDenied', { details: { HeadersNotSigned: 'host' } }),
    )
  })

  it('needs the header about the body', async () => {
    const request = without(await signHeader({}), 'x-amz-content-sha256')
    expect(() => check(request)).toThrow(refusal('MissingSecurityHeader'))
  })

  it.each([-900, 900])('is good when the clock of the client is off by 15 minutes (%i s)', async seconds => {
    expect(check({ ...(await signHeader({})), now: later(seconds) })).not.toBeNull()
  })

  it.each([-901, 901, 86_400])('is not good when it is off by more (%i s)', async seconds => {
    const request = { ...(await signHeader({})), now: later(seconds) }
    expect(() => check(request)).toThrow(refusal('RequestTimeTooSkewed', { code: 'forbidden' }))
  })

  it.each([
    ['no date', {}, 'AccessDenied'],
    ['a date of another form', { 'x-amz-date': '2026-03-04T05:06:07Z' }, 'AccessDenied'],
    ['a day that is none', { 'x-amz-date': '20260231T050607Z' }, 'AccessDenied'],
    ['another day than the credential', { 'x-amz-date': '20260303T235959Z' }, 'AuthorizationHeaderMalformed'],
    ['another time', { 'x-amz-date': '20260304T050608Z' }, 'SignatureDoesNotMatch'],
    ['that time in Date', { date: 'Wed, 04 Mar 2026 05:06:07 GMT' }, 'SignatureDoesNotMatch'],
  ])('with %s is refused', async (_name, headers, code) => {
    const request = without(await signHeader({}), 'x-amz-date')
    expect(() => check({ ...request, headers: { ...request.headers, ...headers } })).toThrow(refusal(code))
  })

  it.each([
    ['nothing else', ''],
    ['no signature', 'Credential=A/20260304/mort/s3/aws4_request, SignedHeaders=host'],
    ['no names', `Credential=A/20260304/mort/s3/aws4_request, SignedHeaders=, Signature=${'0'.repeat(64)}`],
    ['names that are none', 'Credential=A/20260304/mort/s3/aws4_request, SignedHeaders=Host, Signature=0'],
    ['a name twice', 'Credential=A/20260304/mort/s3/aws4_request, SignedHeaders=host;host, Signature=0'],
    ['a field twice', 'Credential=A/20260304/mort/s3/aws4_request, Signature=0, SignedHeaders=host, Signature=0'],
    ['another field', 'Credential=A/20260304/mort/s3/aws4_request, SignedHeaders=host, Signature=0, X=1'],
    ['another service', 'Credential=A/20260304/mort/ec2/aws4_request, SignedHeaders=host, Signature=0'],
    ['another end', 'Credential=A/20260304/mort/s3/aws5_request, SignedHeaders=host, Signature=0'],
    ['no day', 'Credential=A/mort/s3/aws4_request, SignedHeaders=host, Signature=0'],
    ['no key', 'Credential=/20260304/mort/s3/aws4_request, SignedHeaders=host, Signature=0'],
  ])('with %s is malformed', async (_name, fields) => {
    const request = withHeader(await signHeader({}), 'authorization', `AWS4-HMAC-SHA256 ${fields}`)
    expect(() => check(request)).toThrow(refusal('AuthorizationHeaderMalformed', { code: 'invalid_request' }))
  })

  it.each([
    ['one digit changed', (hex: string) => hex.replace(/.$/, last => (last === '0' ? '1' : '0'))],
    ['cut short', (hex: string) => hex.slice(2)],
    ['in capitals', (hex: string) => `${hex.slice(0, -1).toUpperCase()}F`],
    ['no digits', () => 'x'.repeat(64)],
  ])('with %s does not match', async (_name, change) => {
    const request = await signHeader({})
    const authorization = String(request.headers.authorization).replace(/[0-9a-f]{64}$/, change)
    const changed = withHeader(request, 'authorization', authorization)
    expect(() => check(changed)).toThrow(refusal('SignatureDoesNotMatch'))
  })

  it('allows slashes in an access key', async () => {
    const request = await signHeader({})
    const authorization = String(request.headers.authorization).replace(accessKey, 'team/a')
    const found = auth.authenticate(withHeader(request, 'authorization', authorization), key =>
      key === 'team/a' ? secret : undefined,
    )
    expect(found?.identity.accessKey).toBe('team/a')
  })
})

describe('a signature of version 4 in the query', () => {
  it('says so', async () => {
    expect(check(await signQuery({}))?.identity).toEqual({ accessKey, form: 'v4-query' })
  })

  it('counts before one in the header', async () => {
    const request = await signQuery({})
    expect(check(withHeader(request, 'authorization', 'Bearer x'))?.identity.form).toBe('v4-query')
  })

  it('is good to its last second, and as long before its time as clocks may differ', async () => {
    const request = await signQuery({}, { expiresIn: 60 })
    for (const seconds of [-900, 0, 60]) expect(check({ ...request, now: later(seconds) })).not.toBeNull()
    expect(() => check({ ...request, now: later(61) })).toThrow(
      refusal('AccessDenied', { message: 'Request has expired' }),
    )
    expect(() => check({ ...request, now: later(-901) })).toThrow(
      refusal('AccessDenied', { message: 'Request is not valid yet' }),
    )
  })

  it('is good for seven days at most', async () => {
    const week = await signQuery({}, { expiresIn: 604_800 })
    expect(check({ ...week, now: later(604_800) })).not.toBeNull()
    const longer = { ...week, rawTarget: week.rawTarget.replace('604800', '604801') }
    expect(() => check(longer)).toThrow(refusal('AuthorizationQueryParametersError'))
  })

  it.each([
    'X-Amz-Algorithm',
    'X-Amz-Credential',
    'X-Amz-Date',
    'X-Amz-Expires',
    'X-Amz-SignedHeaders',
    'X-Amz-Signature',
  ])('needs %s, once', async name => {
    const request = await signQuery({})
    const [, parameter] = new RegExp(`[?&](${name}=[^&]*)`).exec(request.rawTarget) ?? []
    for (const rawTarget of [request.rawTarget.replace(parameter!, ''), `${request.rawTarget}&${parameter}`]) {
      expect(() => check({ ...request, rawTarget })).toThrow(refusal('AuthorizationQueryParametersError'))
    }
  })

  it.each(['0', '-1', '1.5', '1e3', 'x', ' 60'])('does not live for "%s" seconds', async seconds => {
    const request = await signQuery({}, { expiresIn: 77 })
    const rawTarget = request.rawTarget.replace('X-Amz-Expires=77', `X-Amz-Expires=${encodeURIComponent(seconds)}`)
    expect(() => check({ ...request, rawTarget })).toThrow(refusal('AuthorizationQueryParametersError'))
  })

  it('can sign headers that have to be sent', async () => {
    const draft = { method: 'PUT', headers: { 'x-amz-acl': 'private' } }
    const request = await signQuery(draft, { signableHeaders: ['x-amz-acl'] })
    expect(check(request)).not.toBeNull()
    expect(() => check(without(request, 'x-amz-acl'))).toThrow(refusal('SignatureDoesNotMatch'))
  })

  it('lets the header about the body say what is signed anyway', async () => {
    const request = await signQuery({ method: 'PUT' })
    expect(check(withHeader(request, 'x-amz-content-sha256', 'UNSIGNED-PAYLOAD'))).not.toBeNull()
    expect(() => check(withHeader(request, 'x-amz-content-sha256', sha256('')))).toThrow(
      refusal('SignatureDoesNotMatch'),
    )
  })
})

describe('what is not signed', () => {
  const request: S3Request = { method: 'GET', rawTarget: '/photos/cat.jpg?Signature=1&Expires=2', headers: {}, now }

  it('is from nobody', () => {
    expect(check(request)).toBeNull()
  })

  it.each(['Bearer x', 'Basic eDp5', 'AWS', 'AWS4-ECDSA-P256-SHA256 Credential=A', ''])(
    'is not what says "%s" of itself',
    authorization => {
      expect(() => check(withHeader(request, 'authorization', authorization))).toThrow(refusal('InvalidArgument'))
    },
  )
})
