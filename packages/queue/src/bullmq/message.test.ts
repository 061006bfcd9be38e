import fc from 'fast-check'
import { expect, it } from 'vitest'
import { readMessage, writeMessage } from './message.ts'
import type { WireOutcome } from './wire.ts'

const jobId = `i-${'0'.repeat(32)}-a.1.0`

it('carries bytes as they are, also line feeds', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1 }), bytes => {
      const message = withBytes(made(bytes.byteLength), bytes)
      expect(readMessage(message)).toEqual({ jobId, wire: made(bytes.byteLength), bytes: Buffer.from(bytes) })
    }),
  )
})

it('carries an outcome without bytes', () => {
  expect(readMessage(Buffer.from(writeMessage(jobId, made(7))))).toEqual({ jobId, wire: made(7), bytes: null })
})

it.each([
  ['too short', made(4), 'abc'],
  ['too long', made(2), 'abc'],
  ['none', made(1), ''],
  ['those of a failure', { ok: false, failure: { code: 'internal', message: 'x' } } as const, 'abc'],
])('reads nothing when the bytes are %s', (_, wire, text) => {
  expect(readMessage(withBytes(wire, Buffer.from(text)))).toBeNull()
})

it('reads nothing from what is no message', () => {
  const texts = ['', '\n', 'x', 'x\n', 'x\nnull', 'x\n{}', 'x\n{"ok":true}\n', JSON.stringify(made(1))]
  expect(texts.map(text => readMessage(Buffer.from(text)))).toEqual(texts.map(() => null))
  fc.assert(
    fc.property(fc.uint8Array(), bytes => {
      expect(readMessage(Buffer.from(bytes))).toBeNull()
    }),
  )
})

it('reads nothing from a message that was cut anywhere', () => {
  const whole = withBytes(made(5), Buffer.from('bytes'))
  for (let length = 0; length < whole.length; length++) {
    const cut = readMessage(whole.subarray(0, length))
    expect(cut?.bytes ?? null).toBeNull()
  }
})

function made(size: number): WireOutcome {
  const derived = {
    size,
    contentType: 'image/png',
    etag: 'e'.repeat(32),
    original: 'v1',
    lastModified: 0,
    width: 1,
    height: 1,
  }
  return { ok: true, inline: true, derived }
}

function withBytes(wire: WireOutcome, bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`${writeMessage(jobId, wire)}\n`), bytes])
}
