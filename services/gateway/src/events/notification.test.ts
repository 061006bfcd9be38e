import { MortiseError } from '@mortise/errors'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readNotification } from './notification.ts'

const record = (eventName: string, key: string, bucket = 'photos') => ({
  eventVersion: '2.0',
  eventName,
  s3: { bucket: { name: bucket, arn: `arn:aws:s3:::${bucket}` }, object: { key, eTag: 'x', sequencer: '1' } },
})
const read = (...Records: unknown[]) => readNotification(JSON.stringify({ Records }))
const keysOf = (...keys: string[]) => read(...keys.map(key => record('s3:ObjectCreated:Put', key))).map(e => e.key)

describe('a notification', () => {
  it.each<[string, boolean | null]>([
    ['s3:ObjectCreated:Put', false],
    ['ObjectCreated:Put', false],
    ['ObjectCreated:Post', false],
    ['ObjectCreated:Copy', false],
    ['s3:ObjectCreated:CompleteMultipartUpload', false],
    ['s3:ObjectRemoved:Delete', true],
    ['ObjectRemoved:DeleteMarkerCreated', true],
    ['LifecycleExpiration:Delete', true],
    ['s3:LifecycleExpiration:DeleteMarkerCreated', true],
    ['s3:ObjectCreated:PutTagging', null],
    ['s3:ObjectCreated:DeleteTagging', null],
    ['s3:ObjectCreated:PutRetention', null],
    ['s3:ObjectCreated:PutLegalHold', null],
    ['ObjectTagging:Put', null],
    ['ObjectAcl:Put', null],
    ['ObjectRestore:Completed', null],
    ['s3:ObjectAccessed:Get', null],
    ['s3:BucketCreated:*', null],
    ['ObjectRemovedNot:Delete', null],
    ['', null],
  ])('of %s', (eventName, removed) => {
    const events = eventName === '' ? read() : read(record(eventName, 'a.jpg'))
    expect(events).toEqual(removed === null ? [] : [{ container: 'photos', key: 'a.jpg', removed }])
  })

  it('has keys as forms have them, of Amazon and of MinIO', () => {
    expect(keysOf('folder/a+b.jpg', 'folder%2Fa+b%2Bc.jpg', 'na%C3%AFve%20%25.jpg')).toEqual([
      'folder/a b.jpg',
      'folder/a b+c.jpg',
      'naïve %.jpg',
    ])
  })

  it('reads every key back', () => {
    const key = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 50 })
    fc.assert(
      fc.property(key, key => {
        expect(keysOf(encodeURIComponent(key).replaceAll('%20', '+'))).toEqual([key])
      }),
    )
  })

  it('tells of one object once, and that it was written when it was both', () => {
    const [put, removed] = ['s3:ObjectCreated:Put', 's3:ObjectRemoved:Delete']
    expect(read(record(put, 'a'), record(removed, 'a'), record(removed, 'b'), record(put, 'b'))).toEqual([
      { container: 'photos', key: 'a', removed: false },
      { container: 'photos', key: 'b', removed: false },
    ])
    expect(read(record(removed, 'a'), record(removed, 'a'), record(put, 'a', 'other'))).toHaveLength(2)
  })

  it('is read when it only tells that there will be some', () => {
    const test = { Service: 'Amazon S3', Event: 's3:TestEvent', Bucket: 'photos' }
    expect(readNotification(JSON.stringify(test))).toEqual([])
  })

  it.each([
    ['nothing', ''],
    ['no JSON', '{'],
    ['null', 'null'],
    ['a list', '[]'],
    ['no records', '{}'],
    ['records that are none', '{"Records":{}}'],
    ['another event', '{"Event":"s3:Other"}'],
    ['a record without a name', '{"Records":[{}]}'],
    ['a record without an object', '{"Records":[{"eventName":"ObjectCreated:Put"}]}'],
    ['a key that is a number', JSON.stringify({ Records: [record('ObjectCreated:Put', 7 as never)] })],
    ['an empty key', JSON.stringify({ Records: [record('ObjectCreated:Put', '')] })],
    ['a key that is not encoded', JSON.stringify({ Records: [record('ObjectCreated:Put', '100%')] })],
    ['a key that is no UTF-8', JSON.stringify({ Records: [record('ObjectCreated:Put', '%ff')] })],
  ])('is refused: %s', (_, text) => {
    expect(() => readNotification(text)).toThrow(expect.objectContaining({ code: 'invalid_request' }))
  })

  it('is refused when it is of too many objects', () => {
    const records = Array.from({ length: 1001 }, (_, i) => record('ObjectCreated:Put', `${i}`))
    expect(() => read(...records)).toThrow(expect.objectContaining({ code: 'too_large' }))
    expect(read(...records.slice(1))).toHaveLength(1000)
  })

  it('throws nothing else, whatever is sent', () => {
    const tree = fc.record({ Records: fc.array(fc.record({ eventName: fc.string(), s3: fc.anything() })) })
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          tree.map(value => JSON.stringify(value)),
        ),
        text => {
          try {
            readNotification(text)
          } catch (error) {
            expect(error).toBeInstanceOf(MortiseError)
          }
        },
      ),
    )
  })
})
