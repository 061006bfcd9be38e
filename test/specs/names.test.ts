import { expect, it } from 'vitest'
import { photo } from '../fixtures/images.ts'
import { describeModes } from '../modes.ts'
import { derivative, get, pictureOf, sendRaw } from './client.ts'
import { createSite } from './site.ts'

const names = [
  'sub/folder/of a folder/a.jpg',
  'with spaces  in it.jpg',
  'a+b.jpg',
  '100% %41.jpg',
  'Ünï çödé.jpg',
  '写真 🏔.jpg',
  '"double" and \'single\'.jpg',
  'semi;colon, comma.jpg',
  'a&b=c#d?e.jpg',
  'brackets [1] {2} <3> |4|.jpg',
  'no-extension-but.a.dot.jpg',
  `${'ü'.repeat(120)}.jpg`,
]
const picture = await photo(60, 40)
const site = await createSite(Object.fromEntries(names.map(name => [`photos/${name}`, picture])))

async function setUp() {
  const storages = (await site.emptyStore()).storages('photos')
  const path = '^/(?P<presetName>small)/(?P<parent>.+)$'
  const presets = { small: { filters: { thumbnail: { width: 15 } } } }
  const buckets = {
    photos: { storages, transform: { kind: 'query' } },
    // Its derivatives are stored under the path of the request, names and all.
    presets: { storages, transform: { kind: 'presets', path, presets, parentBucket: 'photos' } },
  }
  return { config: { buckets, server: { cache: { ttl: 0 } } } }
}

const escaped = (name: string) => name.split('/').map(encodeURIComponent).join('/')

describeModes('names', setUp, cluster => {
  it.each(names)('%s', async name => {
    const { url } = cluster()
    const original = await get(`${url}/photos/${escaped(name)}`)
    expect(Buffer.from(original.bytes).equals(picture)).toBe(true)
    for (const _ of ['made', 'stored']) {
      expect(await pictureOf(await get(`${url}/photos/${escaped(name)}?width=30`))).toEqual(derivative('30x20'))
      expect(await pictureOf(await get(`${url}/presets/small/${escaped(name)}`))).toEqual(derivative('15x10'))
    }
  })

  it.each([
    ['a plus sign is a plus sign', '/photos/a+b.jpg'],
    ['escapes that are not needed', '/photos/%61%2b%62%2e%6a%70%67'],
    ['escapes in small letters', '/photos/%c3%9cn%c3%af%20%c3%a7%c3%b6d%c3%a9.jpg'],
    ['an escaped slash', '/photos/sub%2Ffolder/of%20a%20folder/a.jpg'],
    ['repeated slashes', '/photos//sub///folder/of%20a%20folder/a.jpg'],
    ['quotes as they are', '/photos/"double"%20and%20\'single\'.jpg'],
    ['the absolute form', 'http://elsewhere.example/photos/a+b.jpg'],
  ])('are read in other spellings: %s', async (_, target) => {
    expect((await sendRaw(cluster().url, `GET ${target}`)).status).toBe(200)
  })
})
