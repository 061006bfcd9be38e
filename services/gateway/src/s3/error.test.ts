import { MortiseError } from '@mortise/errors'
import { S3Refusal } from '@mortise/s3-auth/refusal'
import { RefusedKey } from '@mortise/storage'
import { expect, it } from 'vitest'
import { errorDocument, replyTo, S3Error } from './error.ts'

it.each([
  [new S3Error('NoSuchUpload', 'gone'), 404, 'NoSuchUpload'],
  [new S3Error('MissingContentLength', 'how long?'), 411, 'MissingContentLength'],
  [new S3Refusal('InvalidAccessKeyId', 'who?'), 401, 'InvalidAccessKeyId'],
  [new S3Refusal('SignatureDoesNotMatch', 'no'), 403, 'SignatureDoesNotMatch'],
  [new S3Refusal('RequestTimeTooSkewed', 'when?'), 403, 'RequestTimeTooSkewed'],
  [new S3Refusal('AuthorizationHeaderMalformed', 'what?'), 401, 'AuthorizationHeaderMalformed'],
  [new S3Refusal('AuthorizationHeaderMalformed', 'where?', { Region: 'mort' }), 400, 'AuthorizationHeaderMalformed'],
  [new S3Refusal('EntityTooLarge', 'too much'), 400, 'EntityTooLarge'],
  [new MortiseError('no_such_bucket', 'x'), 404, 'NoSuchBucket'],
  [new MortiseError('no_such_object', 'x'), 404, 'NoSuchKey'],
  [new MortiseError('precondition_failed', 'x'), 412, 'PreconditionFailed'],
  [new MortiseError('overloaded', 'x'), 503, 'SlowDown'],
  [new MortiseError('storage_unavailable', 'x'), 503, 'ServiceUnavailable'],
  [new MortiseError('unsupported', 'x'), 501, 'NotImplemented'],
  [new MortiseError('cancelled', 'x'), 400, 'RequestTimeout'],
  [new TypeError('x is not a function'), 500, 'InternalError'],
])('%s is %i %s', (error, status, s3Code) => {
  expect(replyTo(error)).toMatchObject({ status, s3Code })
})

it('tells what is wrong with a key, not where it would have been', () => {
  expect(replyTo(new RefusedKey('srv/data//x', 'repeats a slash'))).toMatchObject({
    ...{ status: 400, s3Code: 'InvalidArgument', message: 'The key repeats a slash.' },
    details: { ArgumentName: 'key' },
  })
})

it('tells nothing of the inside', () => {
  for (const error of [
    new MortiseError('storage_unavailable', 'connect ECONNREFUSED 10.0.0.1:9000'),
    new MortiseError('invalid_request', 'key "/srv/data/x" is odd'),
    new Error('/srv/secret'),
  ]) {
    expect(errorDocument(replyTo(error), '/b/k', 'id')).not.toMatch(/10\.0|srv/)
  }
})

it('is a document with the resource and the request, whatever they are called', () => {
  expect(errorDocument(replyTo(new S3Error('NoSuchKey', 'a < b')), '/b/<k>', 'id&')).toBe(
    '<?xml version="1.0" encoding="UTF-8"?><Error><Code>NoSuchKey</Code><Message>a &lt; b</Message>' +
      '<Resource>/b/&lt;k&gt;</Resource><RequestId>id&amp;</RequestId></Error>',
  )
})
