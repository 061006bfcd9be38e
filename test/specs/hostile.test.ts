import { describe, expect, it } from 'vitest'
import { bombGif, bombPng, photo, svg, truncated } from '../fixtures/images.ts'
import { distance } from '../golden/distance.ts'
import { describeModes } from '../modes.ts'
import { derivative, get, metric, pictureOf, sendRaw } from './client.ts'
import { createSite } from './site.ts'

const text = (content: string) => new TextEncoder().encode(content)
const site = await createSite({
  'photos/photo.jpg': await photo(60, 40),
  'photos/no-image.jpg': text('GIF? No, only text that is called a picture.'),
  'photos/one-byte.jpg': new Uint8Array([0xff]),
  'photos/empty.jpg': new Uint8Array(),
  'photos/truncated.jpg': await truncated(600, 400),
  'photos/bomb.png': bombPng(),
  'photos/bomb.gif': bombGif(),
  'photos/huge.svg': svg(200_000, 200_000),
  'photos/blank.svg': svg(60, 40, ''),
  'secret.txt': 'what is beside the containers is nobody’s',
})

const links = [`file://${site.folder}/photos/photo.jpg`, `${site.folder}/photos/photo.jpg`, 'photo.jpg']
const images = links.map(link => `<image href="${link}" width="60" height="40"/>`)
await site.write('photos/files.svg', svg(60, 40, images.join('')))

async function setUp() {
  const storages = (await site.emptyStore()).storages()
  const presets = { small: { filters: { thumbnail: { width: 15 } } } }
  const path = '^/(?P<presetName>small)/(?P<parent>.+)$'
  const buckets = {
    photos: { storages, transform: { kind: 'query' } },
    presets: { storages, transform: { kind: 'presets', path, presets, parentBucket: 'photos' } },
    anywhere: { storages, transform: { kind: 'presets', path, presets } },
  }
  return { config: { buckets } }
}

const targets: [name: string, target: string, status: number][] = [
  ['dots', '/photos/../secret.txt', 400],
  ['dots at the front', '/../secret.txt', 400],
  ['one dot', '/photos/./photo.jpg', 400],
  ['dots at the end', '/photos/..', 400],
  ['escaped dots', '/photos/%2e%2e/secret.txt', 400],
  ['half escaped dots', '/photos/.%2E/secret.txt', 400],
  ['an escaped slash', '/photos/..%2fsecret.txt', 400],
  ['dots and slash escaped', '/photos/%2e%2e%2fsecret.txt', 400],
  ['dots escaped twice', '/photos/%252e%252e/secret.txt', 404],
  ['dots and slash escaped twice', '/photos/%252e%252e%252fsecret.txt', 404],
  ['a backslash', '/photos/..\\secret.txt', 400],
  ['an escaped backslash', '/photos/%5c..%5csecret.txt', 400],
  ['a slash of too many bytes', '/photos/..%c0%afsecret.txt', 400],
  ['dots of too many bytes', '/photos/%c0%ae%c0%ae/secret.txt', 400],
  ['dots of full width', '/photos/%EF%BC%8E%EF%BC%8E/secret.txt', 404],
  ['dots for a bucket', '/%2e%2e/secret.txt', 400],
  ['dots before a query', '/photos/../secret.txt?width=30', 400],
  ['dots behind a preset', '/presets/small/../../secret.txt', 400],
  ['dots in a parent that names its bucket', '/anywhere/small/photos/../secret.txt', 400],
  ['NUL', '/photos/photo.jpg%00.png', 400],
  ['CRLF', '/photos/a%0d%0aX-Injected:%20yes', 400],
  ['CRLF in a query', '/photos/photo.jpg?width=30&v=%0d%0aX-Injected:%20yes', 200],
  ['a tab', '/photos/%09photo.jpg', 400],
  ['half an escape', '/photos/photo.jpg%2', 400],
  ['no escape', '/photos/100%zz.jpg', 400],
  ['half an escape in a query', '/photos/photo.jpg?width=%3', 200],
  ['a lone surrogate', '/photos/%ed%a0%80.jpg', 400],
  ['another host', '//secret.txt', 400],
  ['the whole file system', 'file:///etc/passwd', 400],
  ['no slash', 'photos/photo.jpg', 400],
  ['markup', '/photos/<script>alert(1)</script>?width=30', 404],
  ['a path of the system', '/photos//etc/passwd', 404],
]

const originals: [name: string, target: string, status: number, code: string][] = [
  ['text that is called a picture', '/photos/no-image.jpg?width=30', 400, 'undecodable'],
  ['one byte', '/photos/one-byte.jpg?width=30', 400, 'undecodable'],
  ['no byte', '/photos/empty.jpg?width=30', 400, 'undecodable'],
  ['a third of a file', '/photos/truncated.jpg?width=30', 400, 'undecodable'],
  ['268 megapixels in 33 kB', '/photos/bomb.png?width=30', 413, 'limit_exceeded'],
  ['4,295 megapixels in 35 bytes', '/photos/bomb.gif?width=30', 413, 'limit_exceeded'],
  ['an SVG of 40,000 megapixels', '/photos/huge.svg?width=30&format=png', 413, 'limit_exceeded'],
  ['an SVG, without a format', '/photos/files.svg?width=30', 400, 'invalid_request'],
]

const bodies: string[] = []

describeModes('hostile requests', setUp, cluster => {
  const at = (target: string) => cluster().url + target
  const goodOne = async () => pictureOf(await get(at('/photos/photo.jpg?width=30')))

  describe('for a target with', () => {
    it.each(targets)('%s: %s', async (_, target, status) => {
      const answer = await sendRaw(cluster().url, `GET ${target}`, ['X-Mort-Debug: 1'])
      if (status !== 200) bodies.push(answer.body)
      expect(answer.status).toBe(status)
      expect(answer.fields.filter(field => /injected/i.test(field))).toEqual([])
      expect(answer.body).not.toContain('beside the containers')
    })

    it.each([
      ['bytes that are no text', 'GET /photos/\xff\xfe.jpg'],
      ['NUL as it is', 'GET /photos/a\0.jpg'],
      ['a space', 'GET /photos/a b.jpg'],
    ])('%s is 400 before anybody reads it', async (_, line) => {
      expect((await sendRaw(cluster().url, line)).status).toBe(400)
    })

    it('40 kB of fields is 431', async () => {
      expect((await sendRaw(cluster().url, 'GET /photos/photo.jpg', [`X-Long: ${'a'.repeat(40_000)}`])).status).toBe(
        431,
      )
    })
  })

  describe('for an original of', () => {
    it.each(originals)('%s: %s', async (_, target, status, code) => {
      for (const debug of ['', 'yes']) {
        const answer = await get(at(target), { 'x-mort-debug': debug })
        bodies.push(answer.text)
        expect([answer.status, JSON.parse(answer.text).code]).toEqual([status, code])
      }
      expect(await goodOne()).toEqual(derivative('30x20'))
    })

    it('an SVG that names files, which shows none of them', async () => {
      const answer = await get(at('/photos/files.svg?width=60&format=png'))
      const blank = await get(at('/photos/blank.svg?width=60&format=png'))
      expect(await pictureOf(answer)).toEqual(derivative('60x40', 'png'))
      expect(await distance(answer.bytes, blank.bytes)).toBe(0)
    })

    it('an SVG, delivered as it is, which may not run a script', async () => {
      const { headers } = await get(at('/photos/files.svg'))
      expect(headers.get('content-security-policy')).toBe("script-src 'none'; sandbox")
    })
  })

  it('leave the process as it was, 200 of them', async () => {
    const { gateway, worker } = cluster()
    const memory = async () => {
      const parts = gateway === worker ? [gateway] : [gateway, worker]
      const resident = await Promise.all(parts.map(part => metric(part, 'process_resident_memory_bytes')))
      return resident.reduce((sum, bytes) => sum + bytes)
    }
    const wave = (from: number) =>
      Promise.all(
        Array.from({ length: 40 }, async (_, i) => {
          const [, target = '', status] = originals[i % originals.length] ?? []
          const answer = await get(`${at(target)}&quality=${from + (i >> 3)}`)
          expect(answer.status).toBe(status)
        }),
      )
    await wave(1)
    const before = await memory()
    for (let from = 10; from < 60; from += 10) await wave(from)
    const grown = (await memory()) - before
    expect(grown).toBeLessThan(100 * 1024 * 1024)
    expect(await goodOne()).toEqual(derivative('30x20'))
  })
})

it('are told nothing about the machine, not even with the debug header', () => {
  expect(bodies.length).toBeGreaterThan(50)
  for (const body of bodies) {
    expect(body.length).toBeLessThan(500)
    expect(body).not.toMatch(/node_modules|\/tmp|\/home|\.ts\b|\n\s+at /)
    expect(body).not.toContain(site.folder)
  }
})
