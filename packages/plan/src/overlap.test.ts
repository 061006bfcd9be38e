import { loadConfig } from '@mortise/config'
import { describe, expect, it } from 'vitest'
import { createPlanner, type Planner } from './plan.ts'

describe('a derivative in the folder of its original', () => {
  const files = { kind: 'local-meta', rootPath: '/data' }
  const plannerOf = (transform: object, storage: object = files, basic: object = files) =>
    createPlanner(
      loadConfig(JSON.stringify({ buckets: { media: { storages: { basic, transform: storage }, transform } } }), {
        env: {},
        baseDir: '/',
      }).config,
    )
  const keyOf = (planner: Planner, target: string) => {
    const resolution = planner.plan({ target, accepts: [] })
    return resolution.kind === 'derivative' ? resolution.plan.derivative.key : null
  }
  const digest = { kind: 'query' }
  const named = { kind: 'query', resultKey: 'path' }

  it.each([
    ['below the name of its original', digest, '/media/a.jpg?width=9', /^\/-\/a\.jpg\/[0-9a-f]{32}$/],
    ['under the name of its original', named, '/media/a.jpg?width=9', /^\/-\/a\.jpg\/[0-9a-f]{32}$/],
    ['below another name', digest, '/media/b/a.jpg?width=9', /^\/b-a\.jpg\/[0-9a-f]{32}$/],
  ])('would lie %s', (_, transform, target, expected) => {
    expect(keyOf(plannerOf(transform), target)).toMatch(expected)
  })

  it('would lie under the name of its original, whatever slashes its key repeats', () => {
    expect(keyOf(plannerOf(named), '/media//a.jpg?width=9')).toMatch(/^\/-\/a\.jpg\/[0-9a-f]{32}$/)
  })

  it('has its usual key in a folder of its own', () => {
    const planner = plannerOf(named, { ...files, pathPrefix: 'results' })
    expect(keyOf(planner, '/media/a.jpg?width=9')).toBe('/a.jpg')
  })

  it('would take the place of its original in an S3 bucket, where it may lie below that', () => {
    const s3 = { kind: 's3', endpoint: 'http://s3', accessKey: 'a', secretAccessKey: 'b' }
    expect(keyOf(plannerOf(named, s3, s3), '/media/a.jpg?width=9')).toMatch(/^\/-\/a\.jpg\/[0-9a-f]{32}$/)
    expect(keyOf(plannerOf(named, { ...s3, pathPrefix: 'p' }, s3), '/media/a.jpg?width=9')).toBe('/a.jpg')
    expect(keyOf(plannerOf(digest, s3, s3), '/media/a.jpg?width=9')).toMatch(/^\/a\.jpg\/[0-9a-f]{32}$/)
  })
})
