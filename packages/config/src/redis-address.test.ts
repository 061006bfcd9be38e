import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { parseRedisAddress } from './redis-address.ts'
import type { RedisAddress } from './types.ts'

const plain = { db: 0, tls: false }

describe('parseRedisAddress', () => {
  const rows: [text: string, expected: RedisAddress | null][] = [
    ['redis', { ...plain, host: 'redis', port: 6379 }],
    ['redis:6380', { ...plain, host: 'redis', port: 6380 }],
    ['[::1]:6380', { ...plain, host: '::1', port: 6380 }],
    ['[::1]', { ...plain, host: '::1', port: 6379 }],
    ['redis://redis', { ...plain, host: 'redis', port: 6379 }],
    ['redis://redis:6380/3', { host: 'redis', port: 6380, db: 3, tls: false }],
    ['redis://redis/', { ...plain, host: 'redis', port: 6379 }],
    ['rediss://[::1]:6380', { host: '::1', port: 6380, db: 0, tls: true }],
    ['redis://user:p%40ss%3A@redis', { ...plain, host: 'redis', port: 6379, username: 'user', password: 'p@ss:' }],
    ['redis://:pass@redis', { ...plain, host: 'redis', port: 6379, password: 'pass' }],
    ['redis://user@redis', { ...plain, host: 'redis', port: 6379, username: 'user' }],
    ['redis://a:b:c@redis', { ...plain, host: 'redis', port: 6379, username: 'a', password: 'b:c' }],
    ['', null],
    [':6379', null],
    ['redis:x', null],
    ['redis:70000', null],
    ['redis://', null],
    ['redis://redis/x', null],
    ['redis://redis/0?family=6', null],
    ['redis://%zz@redis', null],
    ['http://redis', null],
    ['user:pass@redis:6379', null],
  ]
  it.each(rows)('%s', (text, expected) => assert.deepEqual(parseRedisAddress(text), expected))
})
