import { loadConfig } from '@mortise/config'
import { expect, it } from 'vitest'
import { fingerprint } from './cache.ts'

const origin = { kind: 'http', url: 'http://origin/get?site=one&item=<item>', headers: { Authorization: 'one' } }

function fingerprintOf({ basic = origin, headers = {}, plugins = {} }: Record<string, object>): string {
  const media = { storages: { basic, transform: { kind: 'memory' } }, transform: { kind: 'query' } }
  const rules = [{ statusCodes: [200], values: headers }]
  const file = { server: { plugins }, headers: rules, buckets: { media } }
  return fingerprint(loadConfig(JSON.stringify(file), { env: {}, baseDir: '/' }).config)
}

it('sites of one configuration share their responses', () => {
  expect(fingerprintOf({})).toBe(fingerprintOf({}))
})

it.each<[string, Record<string, object>]>([
  ['the query of an origin', { basic: { ...origin, url: 'http://origin/get?site=two&item=<item>' } }],
  ['the credentials of an origin', { basic: { ...origin, headers: { Authorization: 'two' } } }],
  ['a header rule', { headers: { 'X-Rule': 'new' } }],
  ['the codings', { plugins: { compress: { gzip: { types: ['text/plain'] } } } }],
])('sites that differ only in %s share none', (_, changed) => {
  expect(fingerprintOf(changed)).not.toBe(fingerprintOf({}))
})
