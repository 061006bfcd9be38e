import { loadConfig } from '@mortise/config'
import { describe, expect, it } from 'vitest'
import { isSameObject } from './places.ts'

const local = (rootPath: string, more = {}) => ({ kind: 'local-meta', rootPath, ...more })
const s3 = (more = {}) => ({ kind: 's3', endpoint: 'http://s3', accessKey: 'a', secretAccessKey: 'b', ...more })
const azure = (azureAccount = 'me') => ({ kind: 'azure', azureAccount, azureKey: 'a2V5' })
const b2 = (b2Region = 'a') => ({ kind: 'b2', b2Region, b2ApplicationKeyId: 'id', b2ApplicationKey: 'key' })

function configOf(basic: object, transform: object, other: object = local('/other')) {
  const buckets = {
    media: { storages: { basic, transform }, transform: { kind: 'query' } },
    other: { storages: { basic: other } },
    child: { storages: { basic, transform }, transform: { kind: 'query', parentBucket: 'other' } },
  }
  return loadConfig(JSON.stringify({ buckets }), { env: {}, baseDir: '/srv' }).config
}

describe('a derivative is the original itself', () => {
  const original = { storage: 'media/basic', bucket: 'media', key: '/a.jpg' }
  const derivative = { storage: 'media/transform', bucket: 'media', key: '/a.jpg' }

  it.each([
    ['in one folder', local('/data'), local('/data/')],
    ['in one folder by a relative path', local('/srv/data'), local('data')],
    ['in one container', local('/data', { bucket: 'c' }), local('/data', { bucket: 'c' })],
    ['under one prefix', local('/data', { pathPrefix: 'p' }), local('/data', { pathPrefix: '/p/' })],
    ['where a root and a prefix meet', local('/data', { pathPrefix: 'p' }), local('/data', { pathPrefix: 'p' })],
    ['of two kinds', local('/data'), { kind: 'local', rootPath: '/data' }],
    ['in one S3 bucket', s3(), s3()],
    ['in one container of Azure', azure(), azure()],
    ['in one bucket of B2', b2(), b2()],
    ['in one bucket of Google', { kind: 'google' }, { kind: 'google' }],
  ])('%s', (_, basic, transform) => {
    expect(isSameObject(configOf(basic, transform), original, derivative)).toBe(true)
  })

  it('whatever slashes its key repeats', () => {
    const config = configOf(local('/data'), local('/data'))
    expect(isSameObject(config, { ...original, key: '//a.jpg' }, derivative)).toBe(true)
  })

  it.each([
    ['another account of Azure', azure(), azure('you')],
    ['another region of B2', b2(), b2('b')],
    ['another folder', local('/data'), local('/derivatives')],
    ['another container', local('/data'), local('/data', { bucket: 'c' })],
    ['another prefix', local('/data'), local('/data', { pathPrefix: 'p' })],
    ['another kind', local('/data'), s3()],
    ['another S3 bucket', s3(), s3({ bucket: 'c' })],
    ['another endpoint', s3(), s3({ endpoint: 'http://other' })],
    ['memory', { kind: 'memory' }, { kind: 'memory' }],
  ])('not in %s', (_, basic, transform) => {
    expect(isSameObject(configOf(basic, transform), original, derivative)).toBe(false)
  })

  it('not under another key, or of a storage that is not there', () => {
    const config = configOf(local('/data'), local('/data'))
    expect(isSameObject(config, original, { ...derivative, key: '/a.jpg/small' })).toBe(false)
    expect(isSameObject(config, { ...original, storage: 'x/y' }, { ...derivative, storage: 'x/y' })).toBe(false)
  })
})
