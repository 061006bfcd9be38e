import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { expect, it } from 'vitest'
import { photo } from '../fixtures/images.ts'
import { describeModes } from '../modes.ts'
import { derivative, get, pictureOf, whenStored } from './client.ts'
import { createSite } from './site.ts'

const original = await photo(300, 200)
const site = await createSite({
  'local/small.jpg': original,
  'keyed/small.jpg': original,
  'hashed/small.jpg': original,
})

/** mort's documentation shows this: originals and derivatives in one folder. */
async function setUp() {
  const files = { kind: 'local-meta', rootPath: site.folder }
  const storages = { basic: files, transform: files }
  const presets = { small: { filters: { thumbnail: { width: 100, height: 70 } } } }
  const named = '^/(?P<parent>[a-z0-9.]+)/(?P<presetName>[a-z]+)$'
  const buckets = {
    local: { storages, transform: { kind: 'presets', path: named, presets, parentBucket: 'local' } },
    keyed: { storages, transform: { kind: 'query', resultKey: 'path' } },
    hashed: { storages, transform: { kind: 'query' } },
  }
  return { config: { buckets } }
}

describeModes('derivatives in the folder of their originals', setUp, cluster => {
  it.each([
    ['under the name of a file', '/local/small.jpg/small', derivative('100x70')],
    ['by a digest below the name of a file', '/hashed/small.jpg?width=60', derivative('60x40')],
    ['under the name of their original', '/keyed/small.jpg?width=60', derivative('60x40')],
  ])('%s are stored apart from it, and leave it alone', async (_, target, expected) => {
    for (let i = 0; i < 2; i++) {
      expect(await pictureOf(await get(cluster().url + target))).toEqual(expected)
      await whenStored(cluster())
    }
    expect(await originalOf(target)).toEqual(original)
    expect(await readdir(path.join(site.folder, target.split('/')[1] ?? '', '-/small.jpg'))).toHaveLength(1)
  })
})

async function originalOf(target: string): Promise<Uint8Array> {
  return new Uint8Array(await readFile(path.join(site.folder, target.split('/')[1] ?? '', 'small.jpg')))
}
