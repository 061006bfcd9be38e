import { type ChecksumAlgorithm, checksumBytes, createChecksum } from '@mortise/s3-auth/checksums'
import type { ChecksumType, ObjectChecksum } from './checksum.ts'

/** Bytes of a part, and its checksum in base64. */
export type SummedPart = { size: number; sum: string }

/** Checksums of a whole can be had from those of its parts only where they are remainders of a division. */
export function isDivision(algorithm: ChecksumAlgorithm): boolean {
  return Object.hasOwn(polynomials, algorithm)
}

/** The checksum of an object from those of its parts: of its bytes, or of the checksums themselves. */
export function joinChecksums(algorithm: ChecksumAlgorithm, type: ChecksumType, parts: SummedPart[]): ObjectChecksum {
  if (type === 'FULL_OBJECT') return { algorithm, value: combined(algorithm, parts) }
  const checksum = createChecksum(algorithm)
  for (const { sum } of parts) checksum.update(Buffer.from(sum, 'base64'))
  return { algorithm, value: `${checksum.digest().toString('base64')}-${parts.length}` }
}

/** Without their highest term, the coefficient of the lowest one first. */
const polynomials: Partial<Record<ChecksumAlgorithm, bigint>> = {
  crc32: 0xedb88320n,
  crc32c: 0x82f63b78n,
  crc64nvme: 0x9a6c9329ac4bc9b5n,
}

/** Bits of the longest object, as a power of two. */
const maxExponent = 56

/**
 * Bytes behind a part multiply its remainder by x to the number of their bits. That of the part behind it is then added:
 * what both begin and end with cancels out.
 */
function combined(algorithm: ChecksumAlgorithm, parts: SummedPart[]): string {
  const width = checksumBytes[algorithm] * 8
  const multiply = multiplier(polynomials[algorithm]!, width)
  const one = 1n << BigInt(width - 1)
  // x to the powers of two.
  const squares = [one >> 1n]
  while (squares.length < maxExponent) squares.push(multiply(squares.at(-1)!, squares.at(-1)!))
  const powerOf = (bits: bigint) =>
    squares.reduce((power, square, at) => ((bits >> BigInt(at)) & 1n ? multiply(power, square) : power), one)
  // Most parts are of one size.
  const powers = new Map<number, bigint>()
  let sum = 0n
  for (const { size, sum: own } of parts) {
    if (powers.size > 100) powers.clear()
    const power = powers.get(size) ?? powerOf(BigInt(size) * 8n)
    powers.set(size, power)
    sum = multiply(sum, power) ^ BigInt(`0x${Buffer.from(own, 'base64').toString('hex')}`)
  }
  return Buffer.from(sum.toString(16).padStart(width / 4, '0'), 'hex').toString('base64')
}

/** Products of polynomials over GF(2), as remainders; in each the coefficient of the lowest term is the highest bit. */
function multiplier(polynomial: bigint, width: number): (a: bigint, b: bigint) => bigint {
  return (a, b) => {
    let product = 0n
    let shifted = b
    for (let bit = 1n << BigInt(width - 1); bit > 0n; bit >>= 1n) {
      if (a & bit) product ^= shifted
      shifted = shifted & 1n ? (shifted >> 1n) ^ polynomial : shifted >> 1n
    }
    return product
  }
}
