import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { expect, it } from 'vitest'
import { photo } from '../fixtures/images.ts'
import { describeModes } from '../modes.ts'
import { derivative, get, pictureOf } from './client.ts'
import { createSite } from './site.ts'

const site = await createSite({ 'photos/photo.jpg': await photo(60, 40) })

const script = `export default ({ url, bucketConfig, obj }) => {
  const { size, parent } = bucketConfig.transform.pathRegexp(obj.key)
  if (size === undefined) return
  if (size === '13') return { err: 'unlucky' }
  obj.transforms.resize(Number(size), 0, false, false, false)
  if (url.query.grey) obj.transforms.grayscale()
  return { parent: '/photos/' + parent }
}`

async function setUp() {
  const storages = (await site.emptyStore()).storages('photos')
  const scriptPath = path.join(site.folder, 'sizes.js')
  await writeFile(scriptPath, script)
  const presets = { small: { filters: { thumbnail: { width: 15 } } } }
  const named = '^/(?P<presetName>[a-z]+)/(?P<parent>.+)$'
  const components = '^/(?P<transformations>(?:[a-z]+_[^/]*/?)*)/(?P<parent>[^/]+)$'
  const parentBucket = 'photos'
  const buckets = {
    photos: { storages },
    cloud: { storages, transform: { kind: 'cloudinary', path: components, parentBucket } },
    coded: { storages, transform: { kind: 'base64_presets', path: named, presets, parentBucket } },
    scripted: {
      storages,
      transform: { kind: 'script', scriptPath, path: '^/s(?P<size>[0-9]+)/(?P<parent>.+)$', resultKey: 'hash' },
    },
    tengo: { storages, transform: { kind: 'tengo', tengoPath: 'old.tengo' } },
  }
  return { config: { server: { plugins: { webp: null, avif: null } }, buckets } }
}

describeModes('grammars', setUp, cluster => {
  it.each([
    ['/cloud/c_fit,w_30/photo.jpg', derivative('30x20')],
    ['/cloud/c_fill,w_20,h_20,g_north/photo.jpg', derivative('20x20')],
    ['/cloud/c_pad,w_50,h_50,b_black/photo.jpg', derivative('50x50')],
    ['/cloud/c_limit,w_600/photo.jpg', derivative('60x40')],
    ['/cloud/c_scale,w_30,dpr_2/photo.jpg', derivative('60x40')],
    ['/cloud/c_fit,w_30/a_90/photo.jpg', derivative('20x30')],
    ['/cloud/c_fit,w_30,f_png,q_auto/photo.jpg', derivative('30x20', 'png')],
    ['/coded/small/cGhvdG8uanBn', derivative('15x10')],
    ['/scripted/s30/photo.jpg', derivative('30x20')],
    ['/scripted/s30/photo.jpg?grey=1', derivative('30x20')],
  ])('%s', async (target, expected) => {
    expect(await pictureOf(await get(cluster().url + target, { accept: '*/*' }))).toEqual(expected)
  })

  it.each([
    ['image/avif,image/webp', 'avif'],
    ['image/webp,image/avif;q=0', 'webp'],
    ['image/jpeg', 'jpeg'],
  ])('f_auto for Accept: %s is %s, and says Vary', async (accept, format) => {
    const answer = await get(`${cluster().url}/cloud/c_fit,w_30,f_auto/photo.jpg`, { accept })
    expect(answer.headers.get('content-type')).toBe(`image/${format}`)
    expect(answer.headers.get('vary')).toBe('Accept')
  })

  it.each([
    ['/cloud/c_nothing,w_30/photo.jpg', 400],
    ['/cloud/c_fit,w_x/photo.jpg', 400],
    ['/coded/small/cGhvdG8uanBn==', 400],
    ['/coded/large/cGhvdG8uanBn', 400],
    ['/scripted/s13/photo.jpg', 400],
    ['/scripted/s30/absent.jpg', 404],
    ['/tengo/photo.jpg', 501],
  ])('%s is %i', async (target, status) => {
    expect((await get(cluster().url + target)).status).toBe(status)
  })
})
