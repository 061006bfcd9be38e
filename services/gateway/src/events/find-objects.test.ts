import { loadConfig } from '@mortise/config'
import { describe, expect, it } from 'vitest'
import { createFindObjects } from './find-objects.ts'

const s3 = (more: object = {}) => ({ kind: 's3', endpoint: 'http://s3', accessKey: 'a', secretAccessKey: 'b', ...more })
const elsewhere = { endpoint: 'http://other' }
const local = { kind: 'local-meta', rootPath: '/data' }

function find(buckets: Record<string, object>) {
  const entries = Object.entries(buckets).map(([name, storages]) => [name, { storages }])
  const { config } = loadConfig(JSON.stringify({ buckets: Object.fromEntries(entries) }), { env: {}, baseDir: '/' })
  const find = createFindObjects(config)
  return (container: string, key: string) =>
    find(container, key).map(({ object: { storage, bucket, key }, perhapsMade }) =>
      [storage, bucket, key, ...(perhapsMade ? ['perhaps made'] : [])].join(' '),
    )
}

describe('the original of an event', () => {
  it('is found in the bucket with the name of the container', () => {
    const at = find({ photos: { basic: s3(), transform: s3({ bucket: 'made' }) } })
    expect(at('photos', 'folder/a.jpg')).toEqual(['photos/basic photos /folder/a.jpg'])
    expect(at('others', 'folder/a.jpg')).toEqual([])
  })

  it('is found in a container with another name, without what stands before its keys', () => {
    const at = find({ photos: { basic: s3({ bucket: 'store', pathPrefix: '/2026//photos/' }) } })
    expect(at('store', '2026/photos/a.jpg')).toEqual(['photos/basic photos /a.jpg'])
    for (const key of ['2026/photos', '2026/photos/', '2026/photosynthesis/a.jpg', 'a.jpg'])
      expect(at('store', key)).toEqual([])
    expect(at('photos', '2026/photos/a.jpg')).toEqual([])
  })

  it('is one, however many buckets read it', () => {
    const at = find({
      photos: { basic: s3({ bucket: 'store', pathPrefix: 'photos' }) },
      thumbs: { basic: s3({ bucket: 'store', pathPrefix: 'photos' }) },
      all: { basic: s3({ bucket: 'store' }) },
    })
    expect(at('store', 'photos/a.jpg')).toEqual(['photos/basic photos /a.jpg'])
    expect(at('store', 'a.jpg')).toEqual(['all/basic all /a.jpg'])
  })

  it('is one of each service that has such a container, because the event does not tell which it was', () => {
    const at = find({
      photos: { basic: s3({ bucket: 'store' }) },
      others: { basic: s3({ bucket: 'store', ...elsewhere }) },
    })
    expect(at('store', 'a.jpg')).toEqual(['photos/basic photos /a.jpg', 'others/basic others /a.jpg'])
  })

  it('can be in a storage that only parents are read from', () => {
    const at = find({ photos: { basic: local }, thumbs: { basic: local, parents: s3() } })
    expect(at('photos', 'a.jpg')).toEqual(['thumbs/parents photos /a.jpg'])
  })

  it('is in no storage of another kind', () => {
    expect(find({ photos: { basic: local } })('photos', 'a.jpg')).toEqual([])
  })
})

describe('what is no original', () => {
  it('is a derivative, where these have a place of their own', () => {
    const at = find({ photos: { basic: s3(), transform: s3({ bucket: 'photos', pathPrefix: 'made' }) } })
    expect(at('photos', 'made/a.jpg')).toEqual([])
    expect(at('photos', 'a.jpg')).toEqual(['photos/basic photos /a.jpg'])
    const below = find({
      photos: { basic: s3({ pathPrefix: 'photos' }), transform: s3({ pathPrefix: 'photos/made' }) },
    })
    expect(below('photos', 'photos/made/a.jpg')).toEqual([])
  })

  it('may be a derivative, where these lie among originals', () => {
    const at = find({ photos: { basic: s3(), transform: s3() } })
    expect(at('photos', 'a.jpg')).toEqual(['photos/basic photos /a.jpg perhaps made'])
    const inside = find({ photos: { basic: s3({ pathPrefix: 'originals' }), transform: s3() } })
    expect(inside('photos', 'originals/a.jpg')).toEqual(['photos/basic photos /a.jpg perhaps made'])
    expect(inside('photos', 'a.jpg')).toEqual([])
  })

  it('is no derivative because another service has derivatives in a container of that name', () => {
    const at = find({
      photos: { basic: s3({ bucket: 'store' }) },
      others: { basic: local, transform: s3({ bucket: 'store', pathPrefix: 'made', ...elsewhere }) },
    })
    expect(at('store', 'made/a.jpg')).toEqual(['photos/basic photos /made/a.jpg'])
  })

  it.each(['.mortise/made/x/y', 'folder/.mortise/uploads/z', '.Mortise/x'])('is %s', key => {
    expect(find({ photos: { basic: s3() } })('photos', key)).toEqual([])
  })
})
