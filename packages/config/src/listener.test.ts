import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { parseListener, sameListener } from './listener.ts'
import type { Listener } from './types.ts'

describe('parseListener', () => {
  const rows: [text: string, expected: Listener | null][] = [
    [':8080', { host: null, port: 8080 }],
    ['127.0.0.1:0', { host: '127.0.0.1', port: 0 }],
    ['localhost:65535', { host: 'localhost', port: 65535 }],
    ['[::1]:80', { host: '::1', port: 80 }],
    ['[fe80::1%eth0]:80', { host: 'fe80::1%eth0', port: 80 }],
    ['unix:/run/mortise.sock', { path: '/run/mortise.sock' }],
    ['unix:', null],
    ['8080', null],
    ['localhost', null],
    ['localhost:', null],
    ['::1:80', null],
    [':65536', null],
    [':-1', null],
    [':80x', null],
    ['a b:80', null],
    ['http://x:80', null],
    ['', null],
  ]
  it.each(rows)('%s', (text, expected) => assert.deepEqual(parseListener(text), expected))
})

describe('sameListener', () => {
  const rows: [a: string, b: string, same: boolean][] = [
    [':80', ':80', true],
    [':80', ':81', false],
    ['a:80', 'b:80', false],
    ['unix:/a', 'unix:/a', true],
    ['unix:/a', 'unix:/b', false],
    ['unix:/a', ':80', false],
    ['a:0', 'a:0', false],
    [':0', '0.0.0.0:0', false],
    [':80', '0.0.0.0:80', true],
    ['127.0.0.1:80', ':80', true],
    ['[::]:80', 'a:80', true],
    ['0.0.0.0:80', '[::]:80', true],
    ['0.0.0.0:80', '127.0.0.1:80', true],
    ['0.0.0.0:80', '[::1]:80', false],
    ['127.0.0.1:80', '[::1]:80', false],
  ]
  it.each(rows)('%s and %s', (a, b, same) => assert.equal(sameListener(parseListener(a)!, parseListener(b)!), same))
})
