import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { folderConfig } from './folder.ts'

const config = folderConfig({ name: 'photos', folder: '/home/me/My $HOME "pics"/', cacheDir: '/var/cache/mortise' })
const photos = config.buckets.photos!

describe('folderConfig', () => {
  it('has the folder itself as a bucket that is only read', () => {
    assert.deepEqual(
      { ...photos.storages.basic, headers: {} },
      {
        kind: 'local',
        rootPath: '/home/me',
        bucket: 'My $HOME "pics"',
        pathPrefix: '',
        headers: {},
        readonly: true,
        hideDotFiles: true,
      },
    )
  })

  it('stores derivatives elsewhere', () => {
    const { transform } = photos.storages
    assert.equal(transform?.kind === 'local-meta' && transform.rootPath, '/var/cache/mortise')
    assert.equal(photos.transform?.checkParent, true)
  })

  it.each([
    ['/thumb/cat.jpg', 'thumb', 'cat.jpg'],
    ['/small/trip/cat.jpg', 'small', 'trip/cat.jpg'],
    ['/large/small/cat.jpg', 'large', 'small/cat.jpg'],
  ])('reads a preset in %s', (key, preset, parent) => {
    const match = photos.transform!.path!.matcher(key)
    assert(match.find())
    assert.deepEqual([match.group('presetName'), match.group('parent')], [preset, parent])
  })

  it.each(['/cat.jpg', '/trip/cat.jpg', '/trip/small/cat.jpg', '/smaller/cat.jpg', '/small', '/small/'])(
    'reads no preset in %s',
    key => {
      assert.equal(photos.transform!.path!.matcher(key).find(), false)
    },
  )

  it('has a square and three widths, none larger than the original, all without metadata', () => {
    const { thumb, small, medium, large } = photos.transform!.presets
    assert.deepEqual(thumb?.filters.crop, { width: 200, height: 200, gravity: 'smart', mode: '', embed: false })
    assert.deepEqual(
      [small, medium, large].map(preset => [preset?.filters.thumbnail?.width, preset?.filters.thumbnail?.enlarge]),
      [
        [320, false],
        [768, false],
        [1600, false],
      ],
    )
    assert([thumb, small, medium, large].every(preset => preset?.filters.strip))
  })

  it('lets browsers keep what they got for a minute', () => {
    const [rule] = config.headers
    assert.deepEqual(
      [rule?.statusCodes, rule?.override, { ...rule?.values }],
      [[200], false, { 'Cache-Control': 'public, max-age=60' }],
    )
  })

  it('refuses the root of the file system and names that no bucket can have', () => {
    const options = { name: 'photos', folder: '/home/me', cacheDir: '/tmp' }
    assert.throws(() => folderConfig({ ...options, folder: '/' }), {
      code: 'invalid_config',
      message: /a folder, found \//,
    })
    assert.throws(() => folderConfig({ ...options, name: '-' }), { code: 'invalid_config' })
    assert.throws(() => folderConfig({ ...options, name: '__proto__' }), { code: 'invalid_config' })
  })
})
