import { expect, it } from 'vitest'
import { photo } from '../fixtures/images.ts'
import { describeModes } from '../modes.ts'
import { derivative, get, head, pictureOf, renders, sendRaw, whenStored } from './client.ts'
import { createSite, type Store } from './site.ts'

const site = await createSite({ 'photos/photo.jpg': await photo(60, 40) })
const browser = 'image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8'
let store: Store

async function setUp() {
  store = await site.emptyStore()
  const storages = store.storages('photos')
  const path = '^/(?P<presetName>small)/(?P<parent>.+)$'
  const presets = { small: { filters: { thumbnail: { width: 15 } } } }
  const buckets = {
    photos: { storages, transform: { kind: 'query' } },
    presets: { storages, transform: { kind: 'presets', path, presets, parentBucket: 'photos' } },
  }
  return { config: { server: { plugins: { webp: null } }, buckets } }
}

describeModes('negotiation', setUp, cluster => {
  const at = (target: string) => cluster().url + target

  it.each([
    ['image/webp', 'webp'],
    [browser, 'webp'],
    ['IMAGE/WebP', 'webp'],
    ['image/jpeg;q=0.9, image/webp;q=0.1', 'webp'],
    ['image/webp;q=0', 'jpeg'],
    ['image/webp;q=0.000, */*', 'jpeg'],
    ['image/jpeg', 'jpeg'],
    ['image/*', 'jpeg'],
    ['*/*', 'jpeg'],
    ['text/html, nonsense;;,,', 'jpeg'],
  ])('Accept: %s gets %s', async (accept, format) => {
    const answer = await get(at('/photos/photo.jpg?width=30'), { accept })
    expect(await pictureOf(answer)).toEqual(derivative('30x20', format))
    expect(answer.headers.get('vary')).toBe('Accept')
  })

  it('leaves a client without Accept as it is', async () => {
    const { fields } = await sendRaw(cluster().url, 'GET /photos/photo.jpg?width=30')
    expect(fields.map(field => field.toLowerCase())).toContain('content-type: image/jpeg')
  })

  it('wins over the format of the URL', async () => {
    const target = at('/photos/photo.jpg?width=30&format=png')
    expect(await pictureOf(await get(target, { accept: browser }))).toEqual(derivative('30x20', 'webp'))
    expect(await pictureOf(await get(target, { accept: '*/*' }))).toEqual(derivative('30x20', 'png'))
  })

  it('keeps what was negotiated apart, in memory and in the storage', async () => {
    await whenStored(cluster())
    const stored = await store.count()
    const before = await renders(cluster())
    const url = at('/presets/small/photo.jpg')
    const accepts = [browser, '*/*', 'image/webp', 'image/png', browser, '*/*']
    const types: (string | null)[] = []
    for (const accept of accepts) types.push((await get(url, { accept })).headers.get('content-type'))
    expect(types).toEqual(['webp', 'jpeg', 'webp', 'jpeg', 'webp', 'jpeg'].map(format => `image/${format}`))
    expect((await renders(cluster())) - before).toBe(2)
    await whenStored(cluster())
    expect(await store.count()).toBe(stored + 2)
  })

  it('tells caches of it in every answer about a derivative', async () => {
    const url = at('/photos/photo.jpg?width=32')
    const { headers } = await get(url, { accept: browser })
    const etag = headers.get('etag') ?? ''
    const answers = await Promise.all([
      head(url, { accept: browser }),
      get(url, { accept: browser, 'if-none-match': etag }),
      get(url, { accept: browser, 'if-match': '"other"' }),
      get(url, { accept: browser, range: 'bytes=0-9' }),
      get(url, { accept: browser, range: 'bytes=99999999-' }),
    ])
    expect(answers.map(({ status }) => status)).toEqual([200, 304, 412, 206, 416])
    expect(answers.map(({ headers }) => headers.get('vary'))).toEqual(Array(5).fill('Accept'))
    expect(answers.slice(0, 4).map(({ headers }) => headers.get('etag'))).toEqual(Array(4).fill(etag))
  })

  it('is not for originals', async () => {
    const answer = await get(at('/photos/photo.jpg'), { accept: browser })
    expect([answer.headers.get('content-type'), answer.headers.get('vary')]).toEqual(['image/jpeg', null])
  })
})
