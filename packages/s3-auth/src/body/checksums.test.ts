import { Crc32cJs, Crc64NvmeJs } from '@aws-sdk/checksums/crc'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ChecksumAlgorithm, createChecksum } from './checksums.ts'

const sumOf = (algorithm: ChecksumAlgorithm | 'md5', ...pieces: Uint8Array[]) => {
  const sum = createChecksum(algorithm)
  for (const piece of pieces) sum.update(piece)
  return sum.digest()
}

describe('the check value of', () => {
  // Of the nine digits, as the catalogues of such sums have it.
  it.each<[ChecksumAlgorithm | 'md5', string]>([
    ['crc32', 'cbf43926'],
    ['crc32c', 'e3069283'],
    ['crc64nvme', 'ae8b14860a799888'],
    ['sha1', 'f7c3bc1d808e04732adf679965ccc34ca7ae3441'],
    ['sha256', '15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225'],
    ['md5', '25f9e794323b453885f5181f1b624d0b'],
  ])('%s', (algorithm, hex) => {
    expect(sumOf(algorithm, Buffer.from('123456789')).toString('hex')).toBe(hex)
  })
})

describe.each([
  ['crc32c', () => new Crc32cJs()],
  ['crc64nvme', () => new Crc64NvmeJs()],
] as const)('%s', (algorithm, create) => {
  it('is that of Amazon, however the bytes are split', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 8 }), async pieces => {
        const theirs = create()
        for (const piece of pieces) theirs.update(piece)
        expect(sumOf(algorithm, ...pieces)).toEqual(Buffer.from(await theirs.digest()))
      }),
    )
  })
})
