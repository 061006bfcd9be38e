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

  it.each(['', 'mortKeys: true, resultKey: hash', 'resultKey: path', 'mortKeys: true, resultKey: path'])(
    'among plain files, which have no record, is a digest of its own: {%s}',
    settings => {
      const local = `storages: {basic: {kind: noop}, transform: {kind: local, rootPath: /data}}`
      const text = `buckets: {media: {${local}, transform: {kind: query, ${settings}}}}`
      const by = createPlanner(loadConfig(text, { env: {}, baseDir: '/' }).config)
      expect(by.explain({ target: '/media/a.jpg?width=5', accepts: [] })).toMatchObject({ resultKey: 'digest' })
    },
  )

  it('of mort is one for the parameters in another order', () => {
    expect(keyOf('/hashed/a.jpg?width=5&height=6&quality=7')).toBe(keyOf('/hashed/a.jpg?quality=7&height=6&width=5'))
  })
})
