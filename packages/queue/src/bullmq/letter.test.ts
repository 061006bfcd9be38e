import fc from 'fast-check'
import { expect, it } from 'vitest'
import { readLetter, writeLetter } from './letter.ts'
import type { WireOutcome } from './wire.ts'

const jobId = `i-${'0'.repeat(32)}-a.1.0`
const derived = { size: 1, contentType: 'image/png', etag: 'é\n', lastModified: 0, width: 1, height: 1 }
const made: WireOutcome = { ok: true, inline: true, derived }

it('carries bytes as they are, also line feeds and none at all', () => {
  fc.assert(
    fc.property(fc.uint8Array(), bytes => {
      const letter = Buffer.concat([Buffer.from(`${writeLetter(jobId, made)}\n`), bytes])
      expect(readLetter(letter)).toEqual({ jobId, wire: made, bytes: Buffer.from(bytes) })
    }),
  )
})

it('tells a letter without bytes from one with an empty body', () => {
  expect(readLetter(Buffer.from(writeLetter(jobId, made)))).toEqual({ jobId, wire: made, bytes: null })
})

it('reads nothing from what is no letter', () => {
  const texts = ['', '\n', 'x', 'x\n', 'x\nnull', 'x\n{}', 'x\n{"ok":true}\n', JSON.stringify(made)]
  expect(texts.map(text => readLetter(Buffer.from(text)))).toEqual(texts.map(() => null))
  fc.assert(
    fc.property(fc.uint8Array(), bytes => {
      expect(readLetter(Buffer.from(bytes))).toBeNull()
    }),
  )
})
