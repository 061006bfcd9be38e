import { type ChecksumAlgorithm, createChecksum } from '@mortise/s3-auth/checksums'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { joinChecksums } from './join-checksums.ts'

const sumOf = (algorithm: ChecksumAlgorithm, bytes: Uint8Array) => {
  const checksum = createChecksum(algorithm)
  checksum.update(bytes)
  return checksum.digest().toString('base64')
}

describe('the checksum of an object from those of its parts', () => {
  it.each(['crc32', 'crc32c', 'crc64nvme'] as const)('is that of its bytes: %s', algorithm => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 6 }), pieces => {
        const parts = pieces.map(piece => ({ size: piece.length, sum: sumOf(algorithm, piece) }))
        const whole = sumOf(algorithm, Buffer.concat(pieces))
        expect(joinChecksums(algorithm, 'FULL_OBJECT', parts)).toEqual({ algorithm, value: whole })
      }),
    )
  })

  it('is that of the checksums, with their number', () => {
    const pieces = ['one', 'two'].map(text => Buffer.from(text))
    const parts = pieces.map(piece => ({ size: piece.length, sum: sumOf('sha256', piece) }))
    const digests = Buffer.concat(parts.map(({ sum }) => Buffer.from(sum, 'base64')))
    expect(joinChecksums('sha256', 'COMPOSITE', parts).value).toBe(`${sumOf('sha256', digests)}-2`)
  })
})
