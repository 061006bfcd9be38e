import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { frame } from '../harness.ts'
import { createChunkDecoder } from './chunk-decoder.ts'

/** Everything that a decoder says, with the data joined, and the code that it ends with. */
function decode(pieces: Uint8Array[], trailers = 0): { data: string; heads: string[]; lines: string[]; end: string } {
  const heads: string[] = []
  const lines: string[] = []
  const data: Buffer[] = []
  const decoder = createChunkDecoder({
    start: (size, extension) => void heads.push(`${size};${extension}`),
    data: bytes => void data.push(bytes),
    end: () => void heads.push('end'),
    trailer: line => void lines.push(line),
    complete: () => lines.length >= trailers,
  })
  let end = 'whole'
  try {
    for (const piece of pieces) decoder.push(Buffer.from(piece))
    decoder.end()
  } catch (error) {
    end = (error as { s3Code: string }).s3Code
  }
  return { data: Buffer.concat(data).toString('latin1'), heads, lines, end }
}

const text = (...pieces: string[]) => decode(pieces.map(piece => Buffer.from(piece, 'latin1')))

describe('the decoder of chunks', () => {
  it('says the same however the bytes are split', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 5 }),
        fc.array(fc.constantFrom('x-amz-checksum-crc32:AAAAAA==', 'a:b'), { maxLength: 2 }),
        fc.array(fc.nat(2000), { maxLength: 20 }),
        (chunks, trailers, cuts) => {
          const body = Buffer.concat(frame(chunks, { trailers }))
          const whole = decode([body], trailers.length)
          expect(whole).toMatchObject({ data: Buffer.concat(chunks).toString('latin1'), lines: trailers, end: 'whole' })
          const at = [...new Set([0, ...cuts.filter(cut => cut < body.length), body.length])].sort((a, b) => a - b)
          const pieces = at.slice(1).map((to, index) => body.subarray(at[index], to))
          expect(decode(pieces, trailers.length)).toEqual(whole)
        },
      ),
    )
  })

  it('never ends well, and never goes astray, on bytes that are no chunks', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 2000 }), { maxLength: 4 }), pieces => {
        expect(['InvalidRequest', 'IncompleteBody']).toContain(decode(pieces).end)
      }),
    )
  })

  it('is not content with the beginning of a body', () => {
    const body = Buffer.concat(frame([Buffer.from('hello'), Buffer.from('world')], { trailers: ['a:b'] }))
    const needed = body.length - '\r\n'.length
    for (let length = 0; length < needed; length++) {
      expect(decode([body.subarray(0, length)], 1).end, `${length} bytes`).toBe('IncompleteBody')
    }
    expect(decode([body.subarray(0, needed)], 1).end).toBe('whole')
  })

  it.each([
    ['no size', ';chunk-signature=1\r\n', 'InvalidRequest'],
    ['no digits', 'xyz\r\n', 'InvalidRequest'],
    ['a negative size', '-5\r\n', 'InvalidRequest'],
    ['a size beyond all numbers', `${'f'.repeat(13)}\r\n`, 'InvalidRequest'],
    ['a size that ends in a bare line feed', '5\nhello\r\n', 'InvalidRequest'],
    ['more bytes than announced', '5\r\nhello!\r\n', 'InvalidRequest'],
    ['fewer bytes than announced', '6\r\nhello\r\n0\r\n\r\n', 'InvalidRequest'],
    ['no end of its bytes', '5\r\nhello0\r\n\r\n', 'InvalidRequest'],
    ['bytes after the end', '0\r\n\r\nx', 'IncompleteBody'],
    ['nothing', '', 'IncompleteBody'],
  ])('refuses %s', (_name, body, code) => {
    expect(text(body).end).toBe(code)
  })

  it('holds no more than a short line', () => {
    expect(text(`5;${'x'.repeat(1019)}\r\n`).heads).toEqual([`5;${'x'.repeat(1019)}`])
    expect(text(`5;${'x'.repeat(1021)}\r\n`).end).toBe('InvalidRequest')
    const endless = Array.from({ length: 1025 }, () => 'x')
    expect(text(`5;`, ...endless).end).toBe('InvalidRequest')
    expect(text('0\r\n', 'a'.repeat(1025)).end).toBe('InvalidRequest')
  })

  it('takes 16 lines after the last chunk', () => {
    const lines = Array.from({ length: 16 }, (_, index) => `a${index}:b\r\n`)
    expect(text(`0\r\n${lines.slice(0, 15).join('')}\r\n`).end).toBe('whole')
    expect(text(`0\r\n${lines.join('')}a:b\r\n\r\n`).end).toBe('MalformedTrailerError')
  })

  it('takes empty lines between trailers, as some write them', () => {
    const body = ['0\r\n\r\nx-amz-checksum-crc32c:sOO8/Q==\n\r\nx-amz-trailer-signature:1\r\n']
    expect(
      decode(
        body.map(piece => Buffer.from(piece)),
        2,
      ),
    ).toMatchObject({
      lines: ['x-amz-checksum-crc32c:sOO8/Q==', 'x-amz-trailer-signature:1'],
      end: 'whole',
    })
  })
})
