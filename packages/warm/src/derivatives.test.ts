import { loadConfig } from '@mortise/config'
import { describe, expect, it } from 'vitest'
import { createSuspicion, isDerivative } from './derivatives.ts'

const s3 = (more: object = {}) => ({ kind: 's3', endpoint: 'http://s3', accessKey: 'a', secretAccessKey: 'b', ...more })

function suspicionOf(storages: object, key: string) {
  const file = { buckets: { media: { storages } } }
  const { config } = loadConfig(JSON.stringify(file), { env: {}, baseDir: '/' })
  return createSuspicion(config)({ storage: 'media/basic', bucket: 'media', key })
}

describe('an object of a bucket is a derivative', () => {
  it.each([
    ['not in another container', s3({ bucket: 'made' }), '/made/a', 'no'],
    ['below the prefix of the derivatives', s3({ pathPrefix: 'made' }), '/made/a/0123', 'yes'],
    ['not beside it', s3({ pathPrefix: 'made' }), '/made-by-me.jpg', 'no'],
    ['perhaps where both are the same place', s3(), '/a/0123', 'perhaps'],
  ])('%s', (_, transform, key, expected) => {
    expect(suspicionOf({ basic: s3(), transform }, key)).toBe(expected)
  })
})

it.each([
  ['s3', '/a', { 'mortise-plan': 'p' }, true],
  ['s3', '/a/0123456789abcdef0123456789abcdef', {}, false],
  ['local', '/a.jpg/0123456789abcdef0123456789abcdef', {}, true],
  ['local', '/a.jpg/0123456789abcdef0123456789abcdefwebp', {}, true],
  ['local', '/trip/a.jpg', {}, false],
])('tells it by its record, and in plain files by its name (%s %s)', (kind, key, metadata, expected) => {
  expect(isDerivative(kind, key, { metadata })).toBe(expected)
})
