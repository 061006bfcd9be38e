import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { photo, photoPng, quadrants } from '../fixtures/images.ts'
import { distance } from '../golden/distance.ts'
import { describeModes } from '../modes.ts'
import { derivative, get, head, pictureOf, sendRaw } from './client.ts'
import { createSite } from './site.ts'

const upright = await quadrants(400, 200)
const original = await photo(600, 400)
const site = await createSite({
  'photos/photo.jpg': original,
  'photos/trip/beach.jpg': await photo(90, 60),
  'photos/quadrants.jpg': upright,
  'photos/turned.jpg': await quadrants(400, 200, 6),
  'photos/really-a-png.jpg': await photoPng(60, 40),
  'photos/picture.txt': await photo(60, 40),
  'photos/notes.txt': 'no picture',
})

const presets = {
  small: { quality: 75, filters: { thumbnail: { width: 150 } } },
  inside: { filters: { thumbnail: { width: 100, height: 100, mode: 'outbound' } } },
  square: { filters: { crop: { width: 100, height: 100, gravity: 'center' } } },
  upended: { filters: { rotate: { angle: 90 }, strip: true } },
  modern: { quality: 60, format: 'webp', filters: { thumbnail: { width: 50 } } },
  impossible: { filters: { blur: { sigma: 0 } } },
}
const path = '^/(?P<presetName>[a-z]+)/(?P<parent>.+)$'

async function setUp() {
  const store = await site.emptyStore()
  const storages = store.storages('photos')
  const buckets = {
    photos: { storages, transform: { kind: 'query' } },
    presets: { storages, transform: { kind: 'presets', path, presets, parentBucket: 'presets' } },
    mixed: { storages, transform: { kind: 'presets-query', path, presets, parentBucket: 'mixed' } },
    shop: { storages: store.storages(), transform: { kind: 'presets', path, presets, parentBucket: 'photos' } },
    anywhere: { storages: store.storages(), transform: { kind: 'presets', path, presets } },
  }
  return { config: { buckets } }
}

describeModes('delivery', setUp, cluster => {
  const at = (target: string) => cluster().url + target

  describe('by query', () => {
    it.each([
      ['width=300', '300x200'],
      ['height=100', '150x100'],
      ['width=900', '900x600'],
      ['width=120&height=120', '120x120'],
      ['width=150&width=300', '150x100'],
      ['operation=resize&width=400&height=50', '400x50'],
      ['operation=resize&width=300&height=nonsense', '300x200'],
      ['operation=crop&width=200&height=150&gravity=north', '200x150'],
      ['operation=crop&width=200', '200x400'],
      ['operation=crop&width=900&height=900', '600x400'],
      ['operation=extract&areaWith=120&areaHeight=80&left=30&top=40', '120x80'],
      ['operation=extract&width=120&height=80', '600x400'],
      ['operation=rotate&angle=90', '400x600'],
      ['operation=resize&operation=rotate&width=200&angle=90', '200x300'],
      ['operation=resize&operation=crop&width=100&height=110', '100x110'],
      ['operation=blur&sigma=2', '600x400'],
      ['operation=nonsense&operation=resize&width=30', '30x20'],
      ['quality=50', '600x400'],
    ])('?%s is %s px', async (query, size) => {
      expect(await pictureOf(await get(at(`/photos/photo.jpg?${query}`)))).toEqual(derivative(size))
    })

    it.each(['jpeg', 'png', 'webp', 'avif', 'tiff', 'gif'])('?format=%s is one by its bytes', async format => {
      const answer = await get(at(`/photos/photo.jpg?width=60&format=${format}`))
      expect(await pictureOf(answer)).toEqual(derivative('60x40', format))
    })

    it('takes jpg for jpeg', async () => {
      const answer = await get(at('/photos/photo.jpg?width=60&format=jpg'))
      expect(await pictureOf(answer)).toEqual(derivative('60x40'))
    })

    it('keeps the edge that gravity names', async () => {
      const { bytes } = await get(at('/photos/quadrants.jpg?operation=crop&width=100&height=100&gravity=east'))
      const right = await sharp(upright).extract({ left: 200, top: 0, width: 200, height: 200 }).toBuffer()
      expect(await distance(bytes, right)).toBeLessThan(3)
      expect(await distance(bytes, upright)).toBeGreaterThan(10)
    })

    it('turns a picture as its EXIF says, and drops the tag', async () => {
      const answer = await get(at('/photos/turned.jpg?width=200'))
      expect(await pictureOf(answer)).toEqual(derivative('200x100'))
      expect(await distance(answer.bytes, upright)).toBeLessThan(3)
      expect((await sharp(answer.bytes).metadata()).orientation ?? 1).toBe(1)
    })

    it('is grey when grayscale is there, whatever it says', async () => {
      const { bytes } = await get(at('/photos/photo.jpg?width=60&grayscale=0'))
      expect((await sharp(bytes).metadata()).channels).toBe(1)
    })

    it('has more bytes at a higher quality', async () => {
      const low = await get(at('/photos/photo.jpg?width=300&quality=20'))
      const high = await get(at('/photos/photo.jpg?width=300&quality=95'))
      expect(high.bytes.length).toBeGreaterThan(2 * low.bytes.length)
    })

    it.each(['', '?', '?v=2', '?operation=nonsense&width=30', '?Width=30'])(
      'gives the original for "%s"',
      async query => {
        const answer = await get(at(`/photos/photo.jpg${query}`))
        expect(answer.headers.get('content-type')).toBe('image/jpeg')
        expect(Buffer.from(answer.bytes).equals(original)).toBe(true)
      },
    )
  })

  describe('by preset', () => {
    it.each([
      ['small', '150x100', 'jpeg'],
      ['inside', '100x67', 'jpeg'],
      ['square', '100x100', 'jpeg'],
      ['upended', '400x600', 'jpeg'],
      ['modern', '50x33', 'webp'],
      // The preset that stands nearest to the original runs first.
      ['small/square', '150x150', 'jpeg'],
      ['modern/upended', '50x75', 'webp'],
      ['modern/square/small', '50x50', 'webp'],
    ])('%s is %s px', async (chain, size, format) => {
      expect(await pictureOf(await get(at(`/presets/${chain}/photo.jpg`)))).toEqual(derivative(size, format))
    })

    it.each(['presets', 'mixed'])('ignores the query in the bucket %s', async bucket => {
      const plain = await get(at(`/${bucket}/small/photo.jpg`))
      const queried = await get(at(`/${bucket}/small/photo.jpg?width=10`))
      expect(await pictureOf(queried)).toEqual(derivative('150x100'))
      expect(queried.headers.get('etag')).toBe(plain.headers.get('etag'))
    })

    it('gives the original where no preset stands', async () => {
      const answer = await get(at('/presets/photo.jpg'))
      expect(Buffer.from(answer.bytes).equals(original)).toBe(true)
    })

    it.each(['unknown', 'impossible'])('answers 400 for the preset "%s"', async preset => {
      expect((await get(at(`/presets/${preset}/photo.jpg`))).status).toBe(400)
    })

    it.each(['unknown', 'impossible'])('reads "%s" as a folder where queries are read as well', async preset => {
      expect((await get(at(`/mixed/${preset}/photo.jpg`))).status).toBe(404)
      expect(await pictureOf(await get(at('/mixed/trip/beach.jpg?width=45')))).toEqual(derivative('45x30'))
    })

    it('takes parents from the bucket that parentBucket names', async () => {
      expect(await pictureOf(await get(at('/shop/square/photo.jpg')))).toEqual(derivative('100x100'))
      expect((await get(at('/shop/photo.jpg'))).status).toBe(404)
    })

    it('takes parents from the bucket that the URL names when there is no parentBucket', async () => {
      expect(await pictureOf(await get(at('/anywhere/square/photos/photo.jpg')))).toEqual(derivative('100x100'))
      expect((await get(at('/anywhere/square/photo.jpg'))).status).toBe(400)
    })
  })

  describe('of parents', () => {
    const notFound = { status: 404, text: '{"error":"item not found","code":"no_such_object"}' }

    it.each([
      '/photos/absent.jpg',
      '/photos/absent.jpg?width=30',
      '/photos/photo.jpg/?width=30',
      '/photos/photo.jpg/absent.jpg?width=30',
      '/photos/trip?width=30',
      '/photos/',
      '/presets/small/absent.jpg',
      '/presets/small/square/absent.jpg',
    ])('%s is 404: there is no such object', async target => {
      const answer = await get(at(target))
      expect(await pictureOf(answer)).toEqual(notFound)
      expect(answer.headers.get('content-type')).toBe('text/plain')
    })

    it.each(['notes.txt', 'picture.txt'])('%s is 404 when resized and 200 as it is', async name => {
      expect(await pictureOf(await get(at(`/photos/${name}?width=30`)))).toEqual(notFound)
      const plain = await get(at(`/photos/${name}`))
      expect([plain.status, plain.headers.get('content-type')]).toEqual([200, 'text/plain'])
    })

    it('goes by the bytes of a picture, not by its extension', async () => {
      const answer = await get(at('/photos/really-a-png.jpg?width=30'))
      expect(await pictureOf(answer)).toEqual(derivative('30x20', 'png'))
    })
  })

  describe('to HEAD', () => {
    // What belongs to a response, and not to what it answers with.
    const transport = new Set(['date', 'x-mort-cache', 'x-request-id', 'connection', 'keep-alive'])
    const fieldsOf = (headers: Headers) => Object.fromEntries([...headers].filter(([name]) => !transport.has(name)))

    it.each([
      ['an original', '/photos/photo.jpg'],
      ['a derivative that nobody has asked for', '/photos/photo.jpg?width=211'],
      ['a derivative by preset', '/presets/inside/trip/beach.jpg'],
      ['what is not there', '/photos/absent.jpg?width=30'],
      ['a bad request', '/photos/photo.jpg?width=0'],
    ])('is what GET is without a body: %s', async (_, target) => {
      const first = await head(at(target))
      const whole = await get(at(target))
      const again = await head(at(target))
      expect(first.status).toBe(whole.status)
      expect(fieldsOf(first.headers)).toEqual(fieldsOf(whole.headers))
      expect(fieldsOf(again.headers)).toEqual(fieldsOf(whole.headers))
      expect(first.headers.get('content-length')).toBe(String(whole.bytes.length))
      expect((await sendRaw(cluster().url, `HEAD ${target}`)).body).toBe('')
    })
  })
})
