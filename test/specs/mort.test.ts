import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import sharp from 'sharp'
import { afterAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { photo, portrait } from '../fixtures/images.ts'
import { distance } from '../golden/distance.ts'
import { describeModes } from '../modes.ts'
import { startOrigin } from '../servers/origin.ts'
import { type Answer, derivative, get, head, pictureOf, send, sendRaw } from './client.ts'

const original = await portrait()
const mark = await sharp({ create: { width: 40, height: 40, channels: 3, background: '#d01020' } })
  .png()
  .toBuffer()
const small = await photo(300, 200)
const large = await photo(1600, 1200)
const css = Array.from({ length: 600 }, (_, i) => `.column-${i} { width: ${i % 100}%; }`).join('\n')
const bigBytes = 256 * 1024 * 1024

const origin = await startOrigin()
afterAll(() => origin[Symbol.asyncDispose]())
origin.put('/remote/portrait.jpg', original)
origin.put('/remote/notes.txt', Buffer.from('no picture'), { 'content-type': 'text/plain', 'x-frame-options': 'DENY' })
origin.put('/remote/private.jpg', original, { 'content-type': 'image/jpeg', 'cache-control': 'private' })
origin.put('/marks/mark.png', mark, { 'content-type': 'image/png' })

/** What mort's own tests keep in the bucket `local`, in a folder of its own for each mode. */
async function writeLocal(): Promise<string> {
  const root = await mkdtemp(path.join(tmpdir(), 'mortise-mort-'))
  afterAll(() => rm(root, { recursive: true, force: true }))
  const files = { file: 'a file', 'file.txt': 'some text', 'main.css': css, 'small.jpg': small, 'large.jpeg': large }
  for (const folder of ['dir/a/b/c', 'dir2/a/b/c']) await mkdir(path.join(root, 'local', folder), { recursive: true })
  for (const [name, bytes] of Object.entries(files)) await writeFile(path.join(root, 'local', name), bytes)
  await using big = await open(path.join(root, 'local/big.img'), 'w')
  await big.truncate(bigBytes)
  return root
}

async function setUp() {
  const variables: Record<string, string> = { MORT_ROOT: await writeLocal(), ORIGIN: origin.url, TOKEN: 'let me in' }
  const file = await readFile(new URL('../fixtures/mort.yml', import.meta.url), 'utf8')
  const text = file.replace(/\$([A-Z_]+)/g, (_, name: string) => variables[name] ?? '')
  return { config: parse(text, { version: '1.1', merge: true }) as object }
}

/** `100x125 jpeg` as `pictureOf` gives it. */
function picture(text: string) {
  const [size = '', format] = text.split(' ')
  return derivative(size, format)
}

const acceptWebp = { accept: 'image/webp,*/*' }
const portraitUrl = '/remote/portrait.jpg'
/** `MARK` stands for the URL of the watermark, whose port differs from run to run. */
const watermark = (position: string, opacity: string | number = 1) =>
  `operation=watermark&image=MARK&position=${position}&opacity=${opacity}`

describeModes('a mort installation', setUp, cluster => {
  const at = (target: string) => cluster().url + target
  const ask = (query: string, headers = {}) =>
    get(at(`${portraitUrl}?${query.replace('MARK', encodeURIComponent(`${origin.url}/marks/mark.png`))}`), headers)

  /** Reads of that object at the origin that `work` causes. */
  const readsOf = async (name: string, work: () => Promise<unknown>) => {
    const count = () => origin.requests.filter(request => request === name).length
    const before = count()
    await work()
    return count() - before
  }

  describe('by preset', () => {
    it.each([
      ['/remote/default_small/portrait.jpg', '150x200 webp'],
      ['/remote/crop/portrait.jpg', '756x396 jpeg'],
      ['/remote/blur/portrait.jpg', '756x396 jpeg'],
      ['/remote/extract/portrait.jpg', '700x496 jpeg'],
      ['/remote/watermark/portrait.jpg', '200x200 jpeg'],
      ['/remote/auto/portrait.jpg', '300x200 jpeg'],
      ['/remote/cover/portrait.jpg', '200x200 jpeg'],
      ['/local/small.jpg/blog_small', '100x67 jpeg'],
      ['/local/small.jpg/blog_medium', '260x110 jpeg'],
      ['/local/small.jpg/home', '120x90 png'],
      // Another preset of the same name.
      ['/remote/home/portrait.jpg', '50x63 jpeg'],
      ['/local/large.jpeg/blog_small', '100x75 jpeg'],
    ])('%s is %s, twice', async (target, expected) => {
      const [first, second] = [await get(at(target)), await get(at(target))]
      expect(await pictureOf(first)).toEqual(picture(expected))
      expect(Buffer.from(second.bytes).equals(first.bytes)).toBe(true)
      expect(await pictureOf(second)).toEqual(picture(expected))
      expect(second.headers.get('x-mort-cache')).toBe('hit')
    })

    it.each([
      ['/remote/watermark/portrait.jpg', '200x200 webp'],
      ['/remote/crop/portrait.jpg', '756x396 webp'],
      ['/local/small.jpg/home', '120x90 webp'],
    ])('%s is WebP for who accepts it, also over the format of a preset', async (target, expected) => {
      const answer = await get(at(target), acceptWebp)
      expect(await pictureOf(answer)).toEqual(picture(expected))
      expect(answer.headers.get('vary')).toBe('Accept')
    })

    it.each([
      ['an unknown preset', '/local/small.jpg/unknown', 400],
      ['a parent that is not there', '/local/absent.jpg/blog_small', 404],
      ['a parent that is no image', '/local/main.css/blog_small', 404],
      ['a folder as parent', '/local/dir/blog_small', 404],
      ['a path that looks like a preset', '/local/dir/a/b/c', 400],
      ['an unknown preset where queries are read: the object of that name', '/remote/unknown/portrait.jpg', 404],
      ['a parent that is not there', '/remote/crop/absent.jpg', 404],
      ['a parent that is no image', '/remote/crop/notes.txt', 404],
    ])('%s: %s is %i', async (_, target, status) => {
      expect((await get(at(target))).status).toBe(status)
    })

    it('resizeCropAuto is written as the preset says', async () => {
      expect((await sharp((await get(at('/remote/auto/portrait.jpg'))).bytes).metadata()).isProgressive).toBe(true)
    })

    it('without a change it is the original, to HEAD as well', async () => {
      const [whole, asked] = [await get(at('/remote/plain/portrait.jpg')), await head(at('/remote/plain/portrait.jpg'))]
      expect(Buffer.from(whole.bytes).equals(original)).toBe(true)
      expect([asked.status, asked.headers.get('content-length')]).toEqual([200, String(original.length)])
      expect((await get(at('/remote/plain/notes.txt'))).status).toBe(404)
    })

    it('the query is ignored when a preset matches', async () => {
      expect(await pictureOf(await get(at('/local/small.jpg/blog_small?width=20')))).toEqual(picture('100x67 jpeg'))
      expect(await pictureOf(await get(at('/remote/crop/portrait.jpg?width=20&format=png')))).toEqual(
        picture('756x396 jpeg'),
      )
    })

    it('blurs, and puts the watermark where the preset says', async () => {
      const sharpness = async (target: string) => (await sharp((await get(at(target))).bytes).stats()).sharpness
      const [clear, blurred] = [
        await sharpness('/remote/crop/portrait.jpg'),
        await sharpness('/remote/blur/portrait.jpg'),
      ]
      expect(blurred).toBeLessThan(clear / 2)
      const { bytes } = await get(at('/remote/watermark/portrait.jpg'))
      const plain = await sharp(original).resize(200, 200, { fit: 'fill' }).png().toBuffer()
      const half = await sharp(mark).ensureAlpha(0.5).png().toBuffer()
      const marked = await sharp(plain)
        .composite([{ input: half, left: 66, top: 66 }])
        .png()
        .toBuffer()
      expect(await distance(bytes, marked)).toBeLessThan(1.5)
      expect(await distance(bytes, plain)).toBeGreaterThan(1.5)
    })
  })

  describe('by query', () => {
    it.each([
      ['width=100', '100x125 jpeg'],
      ['height=500', '400x500 jpeg'],
      ['width=100&height=100', '100x100 jpeg'],
      ['width=250&height=200', '250x200 jpeg'],
      ['width=1000', '1000x1250 jpeg'],
      ['width=2000', '2000x2500 jpeg'],
      ['width=100&width=300', '100x125 jpeg'],
      ['width=100&format=webp', '100x125 webp'],
      ['width=100&format=png', '100x125 png'],
      ['width=100&format=jpg', '100x125 jpeg'],
      ['width=100&quality=100', '100x125 jpeg'],
      ['operation=resize&width=400&height=nonsense', '400x500 jpeg'],
      ['operation=resize&operation=blur&width=400&height=100&sigma=5&grayscale=1&format=webp', '400x100 webp'],
      ['operation=resize&operation=rotate&width=400&angle=90', '400x320 jpeg'],
      ['operation=resize&operation=rotate&width=200&angle=90', '200x160 jpeg'],
      ['operation=resize&operation=rotate&width=200&angle=180', '200x250 jpeg'],
      ['operation=resize&operation=rotate&width=200&angle=270', '200x160 jpeg'],
      ['operation=rotate&angle=90', '1000x800 jpeg'],
      ['operation=rotate&angle=0', '800x1000 jpeg'],
      [
        'operation=resize&operation=crop&operation=rotate&operation=blur&width=200&height=200&angle=90&sigma=2',
        '200x200 jpeg',
      ],
      ['operation=crop&width=500&height=200&gravity=north', '500x200 jpeg'],
      ['operation=crop&width=500&gravity=center', '500x1000 jpeg'],
      ['operation=crop&width=0&height=0', '800x1000 jpeg'],
      ['operation=crop&width=900&height=1100', '800x1000 jpeg'],
      ['operation=extract&areaWith=700&areaHeight=496&top=10&left=20', '700x496 jpeg'],
      ['operation=extract&areaWidth=700&areaHeight=496', '700x496 jpeg'],
      ['operation=extract&areaHeight=496&top=4', '800x496 jpeg'],
      ['operation=extract&width=700&height=496', '800x1000 jpeg'],
      ['operation=resizeCropAuto&width=300&height=200', '300x200 jpeg'],
      ['operation=resizeCropAuto&width=900&height=1200', '900x1200 jpeg'],
      ['operation=resizeCropAuto&width=300', '300x1000 jpeg'],
      ['operation=resizeCropAuto', '800x1000 jpeg'],
      [`operation=resize&${watermark('top-left', 0.5)}&width=400&height=100`, '400x100 jpeg'],
      [watermark('bottom-right'), '800x1000 jpeg'],
      ['operation=blur&sigma=10', '800x1000 jpeg'],
      ['operation=unknown&operation=resize&width=40', '40x50 jpeg'],
      ['grayscale', '800x1000 jpeg'],
    ])('?%s is %s', async (query, expected) => {
      expect(await pictureOf(await ask(query))).toEqual(picture(expected))
    })

    it.each(['', '?v=2', '?operation=unknown', '?Width=100', '?width=100;height=1'])(
      'the original is served for "%s"',
      async query => {
        const { status, bytes } = await get(at(portraitUrl + query))
        expect(status).toBe(200)
        expect(Buffer.from(bytes).equals(original)).toBe(true)
      },
    )

    it.each([
      [{ accept: 'image/webp' }, 'image/webp'],
      [{ accept: 'image/jpeg' }, 'image/jpeg'],
      [{ accept: 'image/webp;q=0, image/jpeg' }, 'image/jpeg'],
      [{}, 'image/jpeg'],
    ])('with %o it is %s, and varies', async (headers, type) => {
      const answer = await ask('width=120', headers)
      expect([answer.headers.get('content-type'), answer.headers.get('vary')]).toEqual([type, 'Accept'])
    })

    it('is WebP for who accepts it, over an explicit format', async () => {
      expect(await pictureOf(await ask('width=100&format=png', acceptWebp))).toEqual(picture('100x125 webp'))
    })

    it('is grey below 20 kB, and has more bytes at a higher quality', async () => {
      expect((await ask('width=300&grayscale=1')).bytes.length).toBeLessThan(20_000)
      const [low, high] = await Promise.all([ask('width=300&quality=50'), ask('width=300&quality=90')])
      expect(high.bytes.length).toBeGreaterThan(low.bytes.length)
    })
  })

  describe('refuses', () => {
    it.each([
      ...['width=invalid', 'width=-100', 'width=', 'width=0', 'height=0', 'width=100&height=-1'],
      ...['operation=rotate&angle=invalid', 'operation=rotate&angle=45', 'operation=rotate&angle=-90'],
      ...['format=invalid', 'format=bmp', 'format=', 'format=svg', 'quality=0', 'quality=200', 'quality=high'],
      ...['operation=blur&sigma=invalid', 'operation=blur&sigma=-5', 'operation=blur&sigma=101', 'operation=blur'],
      ...['operation=', 'operation=resize', 'operation=resize&width=-1', 'operation=crop&height=-1'],
      ...['operation=extract&areaWith=-1', 'operation=extract&areaWith=700&areaHeight=496&top=900'],
      ...['operation=resizeCropAuto&width=-1&height=10', watermark('center'), watermark('top-middle')],
      ...[watermark('top-left', 'invalid'), watermark('top-left', '2.0'), watermark('', 1)],
      'operation=watermark&position=top-left&opacity=1',
    ])('?%s with 400', async query => {
      const answer = await ask(query)
      expect([answer.status, JSON.parse(answer.text).message]).toEqual([400, 'error'])
      expect(answer.headers.get('content-type')).toBe('application/json')
    })

    it.each([
      'file:///etc/passwd',
      '/etc/passwd',
      'http://localhost/mark.png',
      'http://[::1]/mark.png',
      'http://169.254.169.254/latest/meta-data',
      'http://10.0.0.1/mark.png',
      'http://watermark.invalid/mark.png',
    ])('a watermark from %s with 400', async image => {
      const query = `operation=watermark&image=${encodeURIComponent(image)}&position=top-left&opacity=1`
      expect((await ask(query)).status).toBe(400)
    })

    it.each([
      ['an unknown bucket', 'GET', '/unknown/portrait.jpg', 400, '{"message":"error","code":"no_such_bucket"}'],
      [
        'an object that is not there',
        'GET',
        '/local/absent.png',
        404,
        '{"error":"item not found","code":"no_such_object"}',
      ],
      [
        'a remote one that is not there',
        'GET',
        '/remote/a.png',
        404,
        '{"error":"item not found","code":"no_such_object"}',
      ],
      ['its derivative', 'GET', '/remote/a.png?width=5', 404, '{"error":"item not found","code":"no_such_object"}'],
      [
        'a derivative of what is no image',
        'GET',
        '/remote/notes.txt?width=5',
        404,
        '{"error":"item not found","code":"no_such_object"}',
      ],
      ['a folder', 'GET', '/local/dir', 404, '{"error":"item not found","code":"no_such_object"}'],
      ['the list of buckets', 'GET', '/', 403, ''],
      ['a favicon', 'GET', '/favicon.ico', 400, '{"message":"error","code":"no_such_bucket"}'],
      [
        'what is too large to make',
        'GET',
        `${portraitUrl}?width=100000&height=100000`,
        413,
        '{"message":"error","code":"limit_exceeded"}',
      ],
      ['a DELETE by anybody', 'DELETE', '/local/file', 401, ''],
      ['a PUT by anybody', 'PUT', '/local/new', 401, ''],
      ['a POST by anybody', 'POST', '/remote/new', 401, ''],
      ['a PATCH by anybody', 'PATCH', '/local/file', 401, ''],
      ['a PUT into no bucket', 'PUT', '/unknown/new', 403, ''],
    ])('%s: %s %s is %i', async (_, method, target, status, text) => {
      const answer = await send(at(target), { method })
      expect([answer.status, answer.text]).toEqual([status, text])
    })

    it.each([
      ['/local/../etc/passwd', 400],
      ['/local/..%2f..%2fetc/passwd', 400],
      ['/local/%2e%2e/etc/passwd', 400],
      ['/local/..\\etc\\passwd', 400],
      ['/remote/../marks/mark.png', 400],
      ['/remote/%252e%252e/marks/mark.png', 404],
      ['/remote/..%252fmarks/mark.png', 404],
      ['/remote/portrait.jpg%00.png', 400],
      ['/remote/portrait.jpg%3fwidth=5', 404],
      ['/remote/portrait.jpg%23', 404],
      ['/remote/%0d%0aX-Injected:%20yes', 400],
      [`/remote/${'a'.repeat(9000)}`, 400],
      ["/remote/'%20OR%201=1--.jpg", 404],
    ])('%s with %i', async (target, status) => {
      const { fields, ...answer } = await sendRaw(cluster().url, `GET ${target}`)
      expect(answer.status).toBe(status)
      expect(fields.filter(field => /injected/i.test(field))).toEqual([])
    })

    it('the reason only to who sends the debug header', async () => {
      const answer = await ask('width=-100', { 'x-mort-debug': '1' })
      expect(answer.status).toBe(400)
      expect(JSON.parse(answer.text).message).toContain('width')
    })
  })

  describe('headers', () => {
    const fieldsOf = ({ status, headers }: Answer, names: string[]) => [status, ...names.map(name => headers.get(name))]

    it.each([
      ['/local/file', [200, 'max-age=84000, public', null]],
      ['/local/main.css', [200, 'max-age=84000, public', 'text/css']],
      ['/local/small.jpg', [200, 'max-age=84000, public', 'image/jpeg']],
      ['/local/small.jpg/home', [200, 'max-age=84000, public', 'image/png']],
      ['/remote/portrait.jpg', [200, 'max-age=84000, public', 'image/jpeg']],
      ['/remote/portrait.jpg?width=110&format=webp', [200, 'max-age=84000, public', 'image/webp']],
      // A rule in lower case wins over what the object says.
      ['/remote/private.jpg', [200, 'max-age=84000, public', 'image/jpeg']],
      ['/local/absent.png', [404, 'max-age=60, public', 'text/plain']],
      ['/remote/absent.png?width=5', [404, 'max-age=60, public', 'text/plain']],
      // What was never planned goes out bare.
      ['/local/small.jpg/unknown', [400, null, 'application/json']],
      ['/unknown/small.jpg', [400, null, 'application/json']],
    ])('of %s are %o', async (target, [status, control, type]) => {
      const answer = await get(at(target))
      expect(fieldsOf(answer, ['cache-control', 'content-type'])).toEqual([
        status,
        control,
        type ?? 'application/octet-stream',
      ])
    })

    it('pass on what the origin says in x- headers, and carry the configured ones to it', async () => {
      const answer = await get(at('/remote/notes.txt'))
      expect([answer.text, answer.headers.get('x-frame-options')]).toEqual(['no picture', 'DENY'])
      expect(origin.latest['x-origin-token']).toBe('let me in')
    })

    it('tell the size, an ETag in quotes that is stable, a date and the length', async () => {
      const [one, again, other] = [await ask('width=111'), await ask('width=111'), await ask('width=112')]
      const etag = one.headers.get('etag') ?? ''
      expect(etag).toMatch(/^"[0-9a-f]{32}"$/)
      expect([again.headers.get('etag') === etag, other.headers.get('etag') === etag]).toEqual([true, false])
      expect(again.headers.get('last-modified')).toBe(one.headers.get('last-modified'))
      expect(Date.parse(one.headers.get('last-modified') ?? '')).toBeLessThanOrEqual(Date.now())
      expect(fieldsOf(one, ['content-length', 'x-amz-meta-public-width', 'x-amz-meta-public-height'])).toEqual([
        200,
        String(one.bytes.length),
        '111',
        '139',
      ])
    })

    it.each(['/local/small.jpg', '/local/small.jpg/home', portraitUrl, `${portraitUrl}?width=113`])(
      'of HEAD %s are those of GET, without a body',
      async target => {
        const [asked, whole] = [await head(at(target)), await get(at(target))]
        const names = ['content-type', 'content-length', 'etag', 'last-modified', 'cache-control', 'vary']
        expect(fieldsOf(asked, names)).toEqual(fieldsOf(whole, names))
        expect((await sendRaw(cluster().url, `HEAD ${target}`)).body).toBe('')
      },
    )

    it('are open to other origins', async () => {
      const names = ['access-control-allow-origin', 'access-control-allow-methods', 'accept-ranges']
      expect(fieldsOf(await get(at('/local/file')), names)).toEqual([200, '*', 'POST, GET, OPTIONS, HEAD', 'bytes'])
      expect(fieldsOf(await get(at('/local/absent')), names)).toEqual([404, '*', 'POST, GET, OPTIONS, HEAD', 'bytes'])
      expect((await send(at(portraitUrl), { method: 'OPTIONS' })).status).toBe(204)
    })
  })

  describe('compresses', () => {
    it.each([
      ['gzip', 'gzip'],
      ['br', 'br'],
      ['gzip, deflate, br', 'br'],
      ['gzip;q=1, br;q=0.1', 'br'],
      ['gzip, br;q=0', 'gzip'],
      ['deflate', null],
      ['identity', null],
    ])('main.css for "%s" with %s', async (accepted, coding) => {
      const answer = await get(at('/local/main.css'), { 'accept-encoding': accepted })
      expect(answer.headers.get('content-encoding')).toBe(coding)
      expect(answer.headers.get('vary')).toBe('Accept-Encoding')
      expect(answer.text).toBe(css)
    })

    it.each([
      ['an image', '/local/small.jpg', {}],
      ['a derivative', '/local/small.jpg/home', {}],
      ['less than 1,000 bytes', '/local/file.txt', {}],
      ['a range', '/local/main.css', { range: 'bytes=0-1999' }],
    ])('not %s', async (_, target, headers) => {
      const answer = await get(at(target), { 'accept-encoding': 'br, gzip', ...headers })
      expect(answer.headers.get('content-encoding')).toBe(null)
    })
  })

  describe('conditions', () => {
    it.each(['/local/large.jpeg', '/local/small.jpg/home', portraitUrl, `${portraitUrl}?width=114`])(
      'on %s',
      async target => {
        const whole = await get(at(target))
        const etag = whole.headers.get('etag') ?? ''
        const modified = whole.headers.get('last-modified') ?? ''
        const conditions: Record<string, string>[] = [
          { 'if-none-match': etag },
          { 'if-none-match': etag.replaceAll('"', '') },
          { 'if-none-match': `"other", W/${etag}` },
          { 'if-none-match': '*' },
          { 'if-none-match': '"other"' },
          { 'if-modified-since': modified },
          { 'if-modified-since': 'Sat, 01 Jan 2000 00:00:00 GMT' },
          { 'if-match': '"other"' },
          { 'if-unmodified-since': 'Sat, 01 Jan 2000 00:00:00 GMT' },
        ]
        const answers = await Promise.all(conditions.map(headers => get(at(target), headers)))
        const statuses = answers.map(({ status }) => status)
        expect(statuses).toEqual([304, 304, 304, 304, 200, 304, 200, 412, 412])
      },
    )
  })

  describe('ranges', () => {
    const targets = ['/local/large.jpeg', '/local/small.jpg/home', portraitUrl, `${portraitUrl}?width=400`]

    it.each(targets)('of %s', async target => {
      const whole = Buffer.from((await get(at(target))).bytes)
      const size = whole.length
      const part = async (range: string) => {
        const { status, headers, bytes } = await get(at(target), { range })
        return [status, headers.get('content-range'), Buffer.from(bytes)]
      }
      expect(await part('bytes=0-1000')).toEqual([206, `bytes 0-1000/${size}`, whole.subarray(0, 1001)])
      expect(await part('bytes=20-')).toEqual([206, `bytes 20-${size - 1}/${size}`, whole.subarray(20)])
      expect(await part('bytes=-10')).toEqual([206, `bytes ${size - 10}-${size - 1}/${size}`, whole.subarray(-10)])
      const [status, range] = await part(`bytes=${size}-`)
      expect([status, range]).toEqual([416, `bytes */${size}`])
    })

    it.each(targets)('of %s, two at once', async target => {
      const whole = Buffer.from((await get(at(target))).bytes)
      const answer = await get(at(target), { range: 'bytes=0-99,500-599' })
      expect(answer.status).toBe(206)
      expect(answer.headers.get('content-type')).toMatch(/^multipart\/byteranges; boundary=/)
      const text = Buffer.from(answer.bytes).toString('latin1')
      expect(text.match(/content-range: .*/gi)?.map(line => line.slice(15))).toEqual([
        `bytes 0-99/${whole.length}`,
        `bytes 500-599/${whole.length}`,
      ])
      expect(text).toContain(whole.subarray(500, 600).toString('latin1'))
    })

    it('of what is in memory are cut from it, and read nothing again', async () => {
      await get(at(portraitUrl))
      const reads = await readsOf('GET /remote/portrait.jpg', async () => {
        for (const range of ['bytes=0-9', 'bytes=10-99', 'bytes=-5']) {
          expect((await get(at(portraitUrl), { range })).headers.get('x-mort-cache')).toBe('hit')
        }
        expect((await get(at(portraitUrl))).bytes.length).toBe(original.length)
      })
      expect(reads).toBe(0)
    })

    it('of a large remote object are passed on to the origin', async () => {
      const bytes = Buffer.alloc(12 * 1024 * 1024, 'a large one ')
      origin.put('/remote/large.bin', bytes, { 'content-type': 'application/octet-stream' })
      const answer = await get(at('/remote/large.bin'), { range: 'bytes=7000000-7000099' })
      expect([answer.status, answer.text]).toEqual([206, bytes.toString('latin1', 7_000_000, 7_000_100)])
      expect(origin.latest.range).toBe('bytes=7000000-7000099')
    })
  })

  describe('work', () => {
    it('is shared by who asks at the same time: one read of the original', async () => {
      const queries = Array.from({ length: 20 }, () => 'operation=resize&operation=rotate&width=377&angle=90')
      let answers: Answer[] = []
      const reads = await readsOf('GET /remote/portrait.jpg', async () => {
        answers = await Promise.all(queries.map(query => ask(query)))
      })
      expect(reads).toBe(1)
      expect(new Set(answers.map(({ headers }) => headers.get('etag'))).size).toBe(1)
      expect(await pictureOf(answers[0]!)).toEqual(picture('377x302 jpeg'))
    })

    it('is done once for pairs of requests, which later come from memory', async () => {
      const target = 'operation=resize&operation=rotate&width=300&angle=90&format=webp'
      const pairs = await Promise.all(Array.from({ length: 18 }, () => ask(target)))
      expect(new Set(pairs.map(({ bytes }) => bytes.length)).size).toBe(1)
      expect(await pictureOf(pairs[0]!)).toEqual(picture('300x240 webp'))
      const again = await ask(target)
      expect(again.headers.get('content-length')).toBe(String(pairs[0]?.bytes.length))
      expect(again.headers.get('x-mort-cache')).toBe('hit')
    })

    it('is its own for each of different requests at the same time', async () => {
      const widths = Array.from({ length: 12 }, (_, i) => 40 + 10 * i)
      const answers = await Promise.all(widths.map(width => ask(`width=${width}`)))
      expect(await Promise.all(answers.map(pictureOf))).toEqual(
        widths.map(width => picture(`${width}x${Math.round(width * 1.25)} jpeg`)),
      )
    })

    it('reads an original that is not there once, and makes nothing of it', async () => {
      const ask = () => Promise.all(Array.from({ length: 5 }, () => get(at('/remote/gone.jpg?width=20'))))
      expect(new Set((await ask()).map(({ status }) => status))).toEqual(new Set([404]))
      origin.put('/remote/gone.jpg', original)
      expect(await pictureOf(await get(at('/remote/gone.jpg?width=20')))).toEqual(picture('20x25 jpeg'))
      origin.delete('/remote/gone.jpg')
    })

    it('fails with the origin, says when to try again, and goes on afterwards', async () => {
      origin.behave(request => (request.endsWith('portrait.jpg') ? 'fail' : 'answer'))
      const failed = [await ask('width=51'), await get(at('/remote/cover/portrait.jpg?v=2'), { accept: 'image/webp' })]
      origin.behave(() => 'answer')
      expect(failed.map(({ status }) => status)).toEqual([503, 503])
      expect(failed.map(({ headers }) => headers.get('cache-control'))).toEqual(Array(2).fill('max-age=10, public'))
      expect(failed.every(({ headers }) => Number(headers.get('retry-after')) > 0)).toBe(true)
      expect(await pictureOf(await ask('width=51'))).toEqual(picture('51x64 jpeg'))
    })

    it('sends 256 MiB as they are', async () => {
      const response = await fetch(at('/local/big.img'), { signal: AbortSignal.timeout(50_000) })
      const hash = createHash('sha256')
      for await (const chunk of response.body!) hash.update(chunk)
      const zeros = createHash('sha256')
      for (let at = 0; at < bigBytes; at += 1024 * 1024) zeros.update(Buffer.alloc(1024 * 1024))
      expect(response.headers.get('content-length')).toBe(String(bigBytes))
      expect(hash.digest('hex')).toBe(zeros.digest('hex'))
    })
  })

  describe('debug headers', () => {
    it('say what was done', async () => {
      const { headers } = await ask('width=117', { 'x-mort-debug': '1' })
      expect(headers.get('cache-control')).toBe('no-cache')
      expect([headers.get('x-mort-storage'), headers.get('x-mort-transform')]).toEqual(['local-meta', 'true'])
      const parent = ['key', 'bucket', 'storage'].map(name => headers.get(`x-mort-parent-${name}`))
      expect(parent).toEqual(['/portrait.jpg', 'remote', 'http'])
      expect(headers.get('x-mort-version')).toMatch(/^mortise /)
      expect(JSON.parse(headers.get('x-mort-transform-json') ?? '')[0]).toMatchObject({ width: 117 })
    })
  })
})
