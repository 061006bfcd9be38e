import { loadConfig } from '@mortise/config'
import { describe, expect, it } from 'vitest'
import { planner, plannerWith, planOf } from './harness.ts'
import { createPlanner, type Format } from './plan.ts'

describe('the key of a derivative', () => {
  const keyOf = (target: string, accepts: Format[] = [], by = planner) => planOf(target, accepts, by).derivative.key

  it("is mort's hashParent, in a query bucket with mortKeys", () => {
    expect(keyOf('/hashed/parent.jpg?operation=resizeCropAuto&width=100&height=100')).toBe(
      '/parent.jpg/179e44cbdd0d290829b89286562fa8b6',
    )
    expect(keyOf('/hashed/a/b.jpg?width=5')).toMatch(/^\/a-b\.jpg\/[0-9a-f]{32}$/)
  })

  it("is mort's hash, when resultKey says so", () => {
    expect(keyOf('/hashedToo/small/a/b.jpg')).toMatch(/^\/([0-9a-f]{3})\/a-b\/a-b\.jpg-\1[0-9a-f]{1,13}$/)
    expect(keyOf('/hashedToo/small/b')).toMatch(/\/b\/b-/)
  })

  it('has the negotiated format behind it, as in mort', async () => {
    const by = await plannerWith('webp: ~')
    const target = '/hashed/parent.jpg?operation=resizeCropAuto&width=100&height=100'
    expect(keyOf(target, ['webp'], by)).toBe('/parent.jpg/179e44cbdd0d290829b89286562fa8b6webp')
  })

  it.each([
    ['width=5', 'width=6'],
    ['width=5', 'height=5'],
    ['operation=extract&areaWith=5', 'operation=extract&areaWith=6'],
    [
      'operation=watermark&image=http://a/1&position=top-left&opacity=1',
      'operation=watermark&image=http://a/2&position=top-left&opacity=1',
    ],
    ['format=avif', 'format=tiff'],
  ])('of mort is not one for %s and %s', (one, other) => {
    for (const bucket of ['hashed', 'hashedToo']) {
      expect(keyOf(`/${bucket}/a.jpg?${one}`)).not.toBe(keyOf(`/${bucket}/a.jpg?${other}`))
    }
  })

  it.each([
    ['', 'hashParent'],
    ['resultKey: hash', 'hash'],
    ['mortKeys: true, resultKey: hash', 'digest'],
    ['resultKey: path', 'digest'],
    ['mortKeys: true, resultKey: path', 'digest'],
  ])('among plain files, which have no record, is a digest of its own: {%s}', (settings, name) => {
    const local = `storages: {basic: {kind: noop}, transform: {kind: local, rootPath: /data}}`
    const text = `buckets: {media: {${local}, transform: {kind: query, ${settings}}}}`
    const by = createPlanner(loadConfig(text, { env: {}, baseDir: '/' }).config)
    const derivative = { key: expect.stringMatching(/^\/-?\/?a\.jpg\/[0-9a-f]{32}$/) }
    const found = by.explain({ target: '/media/a.jpg?width=5', accepts: [] })
    expect(found).toMatchObject({ resultKey: name, derivative })
  })

  it.each(['hash', 'hashParent', 'path'])('is a digest where a file cannot have the name that %s makes', resultKey => {
    const transform = `{kind: presets, path: "^/(?P<presetName>s)/(?P<parent>.+)$", mortKeys: true, resultKey: ${resultKey},
      presets: {s: {filters: {thumbnail: {width: 5}}}}}`
    const keyIn = (kind: string, parent: string) => {
      const storages = `{basic: {kind: noop}, transform: {kind: ${kind}, rootPath: /data, sftpHost: files, sftpUsername: me}}`
      const text = `buckets: {media: {storages: ${storages}, transform: ${transform}}}`
      return keyOf(`/media/s/media/${parent}`, [], createPlanner(loadConfig(text, { env: {}, baseDir: '/' }).config))
    }
    const longest = (key: string) => Math.max(...key.split('/').map(name => Buffer.byteLength(name)))
    const long = resultKey === 'path' ? 'é'.repeat(128) : `${'é'.repeat(60)}/${'é'.repeat(70)}`
    for (const kind of ['local-meta', 'sftp']) {
      expect(longest(keyIn(kind, long))).toBeLessThanOrEqual(255)
      expect(keyIn(kind, long)).toMatch(/\/[0-9a-f]{32}$/)
    }
    expect(longest(keyIn('noop', long))).toBeGreaterThan(255)
    const short = resultKey === 'path' ? 'é'.repeat(127) : `${'é'.repeat(60)}/${'é'.repeat(50)}`
    expect(keyIn('local-meta', short)).toBe(keyIn('noop', short))
  })

  it('of mort is one for the parameters in another order', () => {
    expect(keyOf('/hashed/a.jpg?width=5&height=6&quality=7')).toBe(keyOf('/hashed/a.jpg?quality=7&height=6&width=5'))
  })
})
