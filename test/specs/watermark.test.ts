import path from 'node:path'
import sharp from 'sharp'
import { afterAll, expect, it } from 'vitest'
import type { Cluster } from '../cluster.ts'
import { describeModes } from '../modes.ts'
import { type Answer, startPictures } from '../servers/pictures.ts'
import { until } from '../until.ts'
import { get, pictureOf, type Answer as Response } from './client.ts'
import { createSite } from './site.ts'

const [blue, red] = [
  [0, 0, 255],
  [255, 0, 0],
]
const plain = (width: number, height: number, [r = 0, g = 0, b = 0]: number[] = []) =>
  sharp({ create: { width, height, channels: 3, background: { r, g, b } } })
    .png()
    .toUint8Array()
const { data: mark } = await plain(10, 10, red)
const drawn =
  '<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"><rect width="10" height="10" fill="red"/></svg>'
const { data: photo } = await plain(90, 60, blue)
const { data: broken } = await sharp(mark).jpeg().toUint8Array()

const site = await createSite({
  'photos/photo.png': photo,
  'photos/other.png': photo,
  'marks/mark.png': mark,
  'marks/secret.png': mark,
})
const inside = await startPictures({ '/mark.png': give(mark) }, { host: '127.0.0.2' })
let release = Promise.withResolvers<void>()
const web = await startPictures({
  '/mark.png': give(mark),
  '/held.png': response => void release.promise.then(() => response.end(mark)),
  '/moved.png': redirect('/mark.png?moved'),
  '/moved-inside.png': redirect(`http://127.0.0.2:${inside.port}/mark.png`),
  '/moved-to-file.png': redirect(`file://${site.folder}/marks/mark.png`),
  '/moved-for-ever.png': redirect('/moved-for-ever.png'),
  '/large.png': response => response.end(Buffer.alloc(20_001)),
  '/large-undeclared.png': response => void response.write(Buffer.alloc(20_001)),
  '/slow.png': response => void response.write(mark.subarray(0, 20)),
  '/silent.png': () => {},
  '/packed.png': response => response.writeHead(200, { 'content-encoding': 'br' }).end(mark),
  '/text.png': response => response.end('no picture'),
  '/drawn.svg': give(Buffer.from(drawn)),
  '/torn.jpg': response => response.end(broken.subarray(0, 200)),
})
afterAll(() => Promise.all([web[Symbol.asyncDispose](), inside[Symbol.asyncDispose]()]))

/** 127.0.0.1 may be fetched from; the rest of its network may not. */
const security = { fetch: { networks: ['127.0.0.1/32'], bytes: 20_000, timeout: 1 } }

async function configOf(more: object) {
  const { storages } = await site.emptyStore()
  const preset = (image: string) => ({ filters: { watermark: { image, position: 'bottom-right', opacity: 1 } } })
  const presets = {
    file: preset(path.join(site.folder, 'marks/mark.png')),
    relative: preset(path.relative(process.cwd(), path.join(site.folder, 'marks/mark.png'))),
    absent: preset(path.join(site.folder, 'marks/absent.png')),
    web: preset(`${web.url}/mark.png`),
    drawn: preset(`${web.url}/drawn.svg`),
  }
  const pattern = '^/(?P<presetName>\\w+)/(?P<parent>.+)$'
  const buckets = {
    photos: { storages: storages(), transform: { kind: 'query' } },
    presets: { storages: storages(), transform: { kind: 'presets', path: pattern, presets, parentBucket: 'photos' } },
  }
  return { config: { ...more, buckets } }
}

const target = (image: string, more = '', name = 'photo.png') =>
  `/photos/${name}?operation=watermark&position=bottom-right&opacity=1&image=${encodeURIComponent(image)}${more}`

/** Of a picture of 90 x 60 with a mark of 10 x 10 at two thirds: what is left of the mark, and what is on it. */
async function pixelsOf({ bytes }: Response) {
  const { data, info } = await sharp(bytes).removeAlpha().raw().toBuffer({ resolveWithObject: true })
  const at = (x: number, y: number) => [...data.subarray((y * info.width + x) * 3).subarray(0, 3)]
  return { size: `${info.width}x${info.height}`, beside: at(55, 45), on: at(65, 45) }
}

const marked = { size: '90x60', beside: blue, on: red }

describeModes(
  'a watermark',
  () => configOf({ security }),
  cluster => {
    const at = (name: string) => cluster().url + name
    const fetched = (name: string) => web.requests.filter(request => request === name).length

    it('is laid over the picture', async () => {
      const answer = await get(at(target(`${web.url}/mark.png`)))
      expect(await pictureOf(answer)).toMatchObject({ status: 200, type: 'image/png', declaredSize: '90x60' })
      expect(await pixelsOf(answer)).toEqual(marked)
    })

    it('has a URL with a query of its own', async () => {
      const own = `/mark.png?of=${cluster().mode}&size=10&colour=a%20b`
      expect(await pixelsOf(await get(at(target(web.url + own))))).toEqual(marked)
      expect(fetched(own)).toBe(1)
    })

    it('comes from where it has moved to', async () => {
      expect(await pixelsOf(await get(at(target(`${web.url}/moved.png`))))).toEqual(marked)
    })

    it('is fetched once for many pictures', async () => {
      const own = `/mark.png?once=${cluster().mode}`
      for (const [more, name] of [
        ['', 'photo.png'],
        ['&quality=80', 'photo.png'],
        ['', 'other.png'],
      ] as const) {
        expect((await get(at(target(web.url + own, more, name)))).status).toBe(200)
      }
      expect(fetched(own)).toBe(1)
    })

    it('is fetched once for those who want it at the same time', async () => {
      release = Promise.withResolvers()
      const own = `/held.png?of=${cluster().mode}`
      const answers = [60, 70, 80, 90].map(quality => get(at(target(web.url + own, `&quality=${quality}&format=jpeg`))))
      await until('the watermark to be asked for', () => fetched(own) > 0)
      release.resolve()
      expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200, 200, 200])
      expect(fetched(own)).toBe(1)
    })

    it.each(['file', 'relative', 'web', 'drawn'])('of a preset comes from %s', async preset => {
      expect(await pixelsOf(await get(at(`/presets/${preset}/photo.png`)))).toEqual(marked)
    })

    it('is fetched once, whatever stands behind the # of its URL', async () => {
      const own = `/mark.png?part=${cluster().mode}`
      const [one, other] = [await get(at(target(`${web.url}${own}#a`))), await get(at(target(`${web.url}${own}#b`)))]
      const tags = [one, other].map(({ headers }) => headers.get('etag'))
      expect([one.status, tags[1]]).toEqual([200, tags[0]])
      expect(fetched(own)).toBe(1)
    })

    it('may be a derivative of this service, but not one with a watermark', async () => {
      const small = at('/photos/photo.png?operation=resize&width=10&height=10')
      expect((await get(at(target(small)))).status).toBe(200)
      const answer = await get(at(target(at(target(`${web.url}/mark.png?loop`)))), { 'x-mort-debug': '1' })
      expect(answer).toMatchObject({ status: 400, text: expect.stringContaining('watermark: status 400') })
      expect(fetched('/mark.png?loop')).toBe(0)
    })

    it('of a preset whose file is not there is refused, and nobody learns where it should be', async () => {
      const answer = await get(at('/presets/absent/photo.png'), { 'x-mort-debug': '1' })
      expect(answer.status).toBe(400)
      expect(answer.text).toContain('watermark: the file cannot be read (ENOENT)')
      expect(answer.text).not.toContain(site.folder)
    })

    it.each([
      ['is not there', `${web.url}/absent.png`],
      ['has moved to the inside', `${web.url}/moved-inside.png`],
      ['has moved to a file', `${web.url}/moved-to-file.png`],
      ['moves for ever', `${web.url}/moved-for-ever.png`],
      ['has too many bytes', `${web.url}/large.png`],
      ['has too many bytes and does not say so', `${web.url}/large-undeclared.png`],
      ['does not end', `${web.url}/slow.png`],
      ['does not begin', `${web.url}/silent.png`],
      ['is packed', `${web.url}/packed.png`],
      ['is no picture', `${web.url}/text.png`],
      ['is half a picture', `${web.url}/torn.jpg`],
      ['is an SVG', `${web.url}/drawn.svg?of=a-stranger`],
      ['is inside', `http://127.0.0.2:${inside.port}/mark.png`],
      ['is inside, in other figures', `http://0x7f000002:${inside.port}/mark.png`],
      ['is inside, in IPv6', `http://[::ffff:127.0.0.2]:${inside.port}/mark.png`],
      ['is in the metadata of a cloud', 'http://169.254.169.254/latest/meta-data/'],
      ['is at a host that does not exist', 'http://host.invalid/mark.png'],
      ['is at a port where nobody listens', 'http://127.0.0.1:9/mark.png'],
      ['has a user', `http://user:secret@127.0.0.1:${web.port}/mark.png`],
      ['is a file', `file://${site.folder}/marks/mark.png`],
      ['is a path', `${site.folder}/marks/mark.png`],
      ['is a path that a preset does not name', `file:${site.folder}/marks/secret.png`],
      ['is in the URL', `data:image/png;base64,${Buffer.from(mark).toString('base64')}`],
      ['is at another protocol', 'ftp://127.0.0.1/mark.png'],
    ])('that %s is refused', async (_, image) => {
      const answer = await get(at(target(image)))
      expect(answer.status).toBe(400)
      expect(inside.requests).toEqual([])
    })

    it('cannot be had for a picture that is not there', async () => {
      expect((await get(at(target(`${web.url}/absent.png`, '', 'absent.png')))).status).toBe(404)
    })
  },
)

describeModes(
  'without settings, a watermark',
  () => configOf({}),
  cluster => {
    const hosts = ['127.0.0.1', 'localhost', '2130706433', '127.1', '[::ffff:7f00:1]']

    it.each(hosts)('is not fetched from %s', async host => {
      const image = `http://${host}:${web.port}/mark.png?closed`
      expect(await reasonOf(cluster(), target(image))).toBe(
        'watermark: the host has no address that may be fetched from',
      )
      expect(web.requests.filter(request => request.endsWith('?closed'))).toEqual([])
    })

    it('may be a local file of a preset', async () => {
      expect(await pixelsOf(await get(`${cluster().url}/presets/file/photo.png`))).toEqual(marked)
    })
  },
)

async function reasonOf({ url }: Cluster, name: string): Promise<string> {
  const { status, text } = await get(url + name, { 'x-mort-debug': '1' })
  expect(status).toBe(400)
  return JSON.parse(text).message
}

function give(bytes: Uint8Array): Answer {
  return response => response.end(bytes)
}

function redirect(location: string): Answer {
  return response => response.writeHead(302, { location }).end()
}
