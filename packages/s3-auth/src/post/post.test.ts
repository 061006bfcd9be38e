import { createHmac } from 'node:crypto'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import fc from 'fast-check'
import { Client } from 'minio'
import { describe, expect, it } from 'vitest'
import { verifyBody } from '../body/verify-body.ts'
import { accessKey, later, lookup, now, secret, v2Signature } from '../harness.ts'
import { createS3Auth, type PostForm } from '../s3-auth.ts'

const auth = createS3Auth()
/** What the form has in place of the name of the file. */
const filename = ['$', '{filename}'].join('')
const refusal = (s3Code: string, message?: string) =>
  expect.objectContaining({ s3Code, ...(message ? { message: expect.stringContaining(message) } : {}) })

type Fields = Record<string, string>
const expiration = later(60).toISOString()
const always = [{ bucket: 'photos' }, ['starts-with', '$key', 'in/']]

function v4Fields(policy: unknown, { region = 'mort', date = '20260304', key = secret } = {}): Fields {
  const text = Buffer.from(typeof policy === 'string' ? policy : JSON.stringify(policy)).toString('base64')
  const scope = [date, region, 's3', 'aws4_request']
  const hmac = (k: Buffer | string, part: string) => createHmac('sha256', k).update(part).digest()
  return {
    policy: text,
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Credential': [accessKey, ...scope].join('/'),
    'X-Amz-Date': '20260304T050607Z',
    'X-Amz-Signature': hmac(scope.reduce<Buffer | string>(hmac, `AWS4${key}`) as Buffer, text).toString('hex'),
  }
}

/** A form with what every form of version 4 has to allow. */
function signed(conditions: unknown[], fields: Fields = {}, form: Partial<PostForm> = {}): PostForm {
  const proof = ['algorithm', 'credential', 'date'].map(name => ['starts-with', `$x-amz-${name}`, ''])
  const all = {
    key: 'in/cat.jpg',
    ...fields,
    ...v4Fields({ expiration, conditions: [...always, ...proof, ...conditions] }),
  }
  return { bucket: 'photos', fields: Object.entries(all), now, ...form }
}

const post = (form: PostForm) => auth.authenticatePost(form, lookup)

it("Amazon's example of a policy has the signature that is printed there", () => {
  const policy = `{ "expiration": "2015-12-30T12:00:00.000Z",
  "conditions": [
    {"bucket": "sigv4examplebucket"},
    ["starts-with", "$key", "user/user1/"],
    {"acl": "public-read"},
    {"success_action_redirect": "http://sigv4examplebucket.s3.amazonaws.com/successful_upload.html"},
    ["starts-with", "$Content-Type", "image/"],
    {"x-amz-meta-uuid": "14365123651274"},
    {"x-amz-server-side-encryption": "AES256"},
    ["starts-with", "$x-amz-meta-tag", ""],

    {"x-amz-credential": "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request"},
    {"x-amz-algorithm": "AWS4-HMAC-SHA256"},
    {"x-amz-date": "20151229T000000Z" }
  ]
}`.replaceAll('\n', '\r\n')
  const fields = {
    key: `user/user1/${filename}`,
    acl: 'public-read',
    success_action_redirect: 'http://sigv4examplebucket.s3.amazonaws.com/successful_upload.html',
    'Content-Type': 'image/jpeg',
    'x-amz-meta-uuid': '14365123651274',
    'x-amz-server-side-encryption': 'AES256',
    'X-Amz-Credential': `${accessKey}/20151229/us-east-1/s3/aws4_request`,
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Date': '20151229T000000Z',
    'x-amz-meta-tag': '',
    Policy: Buffer.from(policy).toString('base64'),
    'X-Amz-Signature': '8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e',
  }
  const form = {
    bucket: 'sigv4examplebucket',
    fields: Object.entries(fields),
    filename: 'MyPicture.jpg',
    now: new Date('2015-12-29T12:00:00Z'),
  }
  const accepted = createS3Auth({ region: 'us-east-1' }).authenticatePost(form, lookup)
  expect(accepted).toMatchObject({ accessKey, key: 'user/user1/MyPicture.jpg', body: { size: undefined } })
})

it('a form of the minio client is proven', async () => {
  const client = new Client({ endPoint: 'localhost', useSSL: false, region: 'mort', accessKey, secretKey: secret })
  const policy = client.newPostPolicy()
  policy.setBucket('photos')
  policy.setKeyStartsWith('in/')
  policy.setContentType('image/png')
  policy.setContentLengthRange(2, 5)
  policy.setExpires(new Date(Date.now() + 60_000))
  const { formData } = await client.presignedPostPolicy(policy)
  const fields = Object.entries({ ...formData, key: 'in/a.png', 'Content-Type': 'image/png' } as Fields)
  expect(post({ bucket: 'photos', fields, now: new Date() })).toMatchObject({
    accessKey,
    key: 'in/a.png',
    body: { sizeRange: { min: 2, max: 5 } },
  })
  const other = fields.map(([name, value]): [string, string] => [name, value === 'in/a.png' ? 'out/a.png' : value])
  expect(() => post({ bucket: 'photos', fields: other, now: new Date() })).toThrow(refusal('AccessDenied'))
})

describe('a form of version 2', () => {
  const policy = Buffer.from(JSON.stringify({ expiration, conditions: always })).toString('base64')
  const fields = { key: 'in/a', AWSAccessKeyId: accessKey, policy, signature: v2Signature(policy) }

  it('is proven by its signature', () => {
    const form = { bucket: 'photos', fields: Object.entries(fields), now }
    expect(post(form)).toMatchObject({ accessKey, key: 'in/a' })
  })

  it.each([
    ['another key', { signature: v2Signature(policy, 'x') }, 'SignatureDoesNotMatch'],
    ['a key that nobody has', { AWSAccessKeyId: 'nobody' }, 'InvalidAccessKeyId'],
    ['another policy', { policy: `${policy}AA` }, 'SignatureDoesNotMatch'],
    ['no signature', { signature: '' }, 'AccessDenied'],
    ['no policy', { policy: '' }, 'AccessDenied'],
  ])('with %s is refused', (_name, more, code) => {
    const form = { bucket: 'photos', fields: Object.entries({ ...fields, ...more }), now }
    expect(() => post(form)).toThrow(refusal(code))
  })
})

describe('the conditions of a policy', () => {
  it.each<[string, unknown[], Fields]>([
    ['an exact match', [{ acl: 'private' }], { acl: 'private' }],
    ['one in a list', [['eq', '$acl', 'private']], { ACL: 'private' }],
    ['one of a number', [{ success_action_status: 201 }], { success_action_status: '201' }],
    ['a beginning', [['starts-with', '$Content-Type', 'image/']], { 'Content-Type': 'image/png' }],
    ['each of several types', [['starts-with', '$content-type', 'image/']], { 'Content-Type': 'image/png, image/gif' }],
    ['anything', [['starts-with', '$x-amz-meta-a', '']], { 'x-amz-meta-a': 'b' }],
    ['anything, which is missing', [['starts-with', '$x-amz-meta-a', '']], {}],
    ['fields to ignore', [], { 'x-ignore-me': '1' }],
    ['several at once', [{ acl: 'private', tagging: 'x' }], { acl: 'private', tagging: 'x' }],
  ])('allow %s', (_name, conditions, fields) => {
    expect(post(signed(conditions, fields)).key).toBe('in/cat.jpg')
  })

  it.each<[string, unknown[], Fields, string]>([
    ['another value', [{ acl: 'private' }], { acl: 'public-read' }, '["eq", "$acl", "private"]'],
    ['a missing value', [{ acl: 'private' }], {}, '["eq", "$acl", "private"]'],
    [
      'another beginning',
      [['starts-with', '$content-type', 'image/']],
      { 'content-type': 'text/html' },
      'Condition failed',
    ],
    [
      'one of several types',
      [['starts-with', '$content-type', 'image/']],
      { 'content-type': 'image/png,text/html' },
      'Condition failed',
    ],
    [
      'one of two conditions',
      [['starts-with', '$acl', 'p'], { acl: 'private' }],
      { acl: 'public' },
      'Condition failed',
    ],
    ['a field without a condition', [], { acl: 'private' }, 'Extra input fields: acl'],
    ['another bucket in a field', [], { bucket: 'other' }, 'another bucket'],
  ])('refuse %s', (_name, conditions, fields, message) => {
    expect(() => post(signed(conditions, fields))).toThrow(refusal('AccessDenied', message))
  })

  it('are about the bucket of the URL, which needs one', () => {
    expect(() => post(signed([], {}, { bucket: 'other' }))).toThrow(refusal('AccessDenied', '"$bucket", "photos"'))
    const form = {
      key: 'in/a',
      ...v4Fields({
        expiration,
        conditions: [
          ['starts-with', '$key', ''],
          ['starts-with', '$x-amz-algorithm', ''],
          ['starts-with', '$x-amz-credential', ''],
          ['starts-with', '$x-amz-date', ''],
        ],
      }),
    }
    expect(() => post({ bucket: 'photos', fields: Object.entries(form), now })).toThrow(
      refusal('AccessDenied', 'Extra input fields: bucket'),
    )
  })

  it('are about the key with the name of the file in it', () => {
    expect(post(signed([], { key: `in/${filename}` }, { filename: '$& $1.jpg' })).key).toBe('in/$& $1.jpg')
    expect(() => post(signed([], { key: filename }, { filename: 'out/a.jpg' }))).toThrow(refusal('AccessDenied'))
  })

  it('limit the size of the file', async () => {
    const { body } = post(
      signed([
        ['content-length-range', 2, '9'],
        ['content-length-range', 1, 5],
      ]),
    )
    const upload = (text: string) => buffer(verifyBody(Readable.from([Buffer.from(text)]), body).stream)
    expect(String(await upload('hello'))).toBe('hello')
    await expect(upload('hello!')).rejects.toMatchObject({ s3Code: 'EntityTooLarge', code: 'too_large' })
    await expect(upload('h')).rejects.toMatchObject({ s3Code: 'EntityTooSmall' })
  })

  it('leave the checksums of fields to be verified', async () => {
    const { body } = post(
      signed([['starts-with', '$x-amz-checksum-crc32', '']], { 'x-amz-checksum-crc32': 'AAAAAA==' }),
    )
    await expect(buffer(verifyBody(Readable.from([Buffer.from('x')]), body).stream)).rejects.toMatchObject({
      s3Code: 'BadDigest',
    })
  })

  it('hold until the policy expires', () => {
    expect(post(signed([], {}, { now: later(60) })).key).toBe('in/cat.jpg')
    expect(() => post(signed([], {}, { now: later(61) }))).toThrow(refusal('AccessDenied', 'Policy expired'))
  })
})

describe('a form of version 4', () => {
  const fieldsOf = (policy: unknown, options = {}): PostForm => ({
    bucket: 'photos',
    fields: Object.entries({ key: 'in/a', ...v4Fields(policy, options) }),
    now,
  })

  it.each([
    ['another key', { key: 'x' }, 'SignatureDoesNotMatch'],
    ['another region', { region: 'eu' }, 'AccessDenied'],
    ['another day than its date', { date: '20260305' }, 'AccessDenied'],
  ])('signed with %s is refused', (_name, options, code) => {
    expect(() => post(fieldsOf({ expiration, conditions: always }, options))).toThrow(refusal(code))
  })

  it.each(['X-Amz-Algorithm', 'X-Amz-Credential', 'X-Amz-Date', 'key'])('needs the field %s', name => {
    const form = signed([])
    const fields = [...form.fields].filter(([field]) => field !== name)
    expect(() => post({ ...form, fields })).toThrow(
      expect.objectContaining({ s3Code: name === 'key' ? 'AccessDenied' : 'InvalidArgument' }),
    )
  })

  it('has no field twice', () => {
    const form = signed([])
    expect(() => post({ ...form, fields: [...form.fields, ['KEY', 'in/b']] })).toThrow(refusal('InvalidArgument'))
  })

  it.each<[string, unknown]>([
    ['no JSON', 'x'],
    ['no object', '[]'],
    ['no expiration', { conditions: always }],
    ['an expiration of another form', { expiration: 'tomorrow', conditions: always }],
    ['no conditions', { expiration }],
    ['conditions that are no list', { expiration, conditions: {} }],
    ['an unknown condition', { expiration, conditions: [['ends-with', '$key', 'x']] }],
    ['a condition on no field', { expiration, conditions: [['eq', 'key', 'x']] }],
    ['a condition without a value', { expiration, conditions: [['eq', '$key']] }],
    ['a condition with two values', { expiration, conditions: [['eq', '$key', 'a', 'b']] }],
    ['a value that is no text', { expiration, conditions: [{ key: null }] }],
    ['a condition that is none', { expiration, conditions: ['key'] }],
    ['a range that is none', { expiration, conditions: [['content-length-range', 1]] }],
    ['a negative range', { expiration, conditions: [['content-length-range', -1, 5]] }],
    ['no end', { expiration, conditions: [{ key: 'x'.repeat(21_000) }] }],
  ])('is refused when its policy has %s', (_name, policy) => {
    expect(() => post(fieldsOf(policy))).toThrow(refusal('InvalidPolicyDocument'))
  })

  it('is refused in one way or another whatever its policy says', () => {
    fc.assert(
      fc.property(fc.json(), policy => {
        expect(() => post(fieldsOf(policy))).toThrow(expect.objectContaining({ s3Code: expect.any(String) }))
      }),
    )
  })
})
