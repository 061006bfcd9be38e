import type { Checksum } from './checksums.ts'

/**
 * The CRC-64 of the NVM Express specification: reflected, begins and ends inverted. It is written out because what there
 * is takes more than twice the time (the class inside Amazon's client) or tens of megabytes of native code.
 */
export function createCrc64Nvme(): Checksum {
  // The sum in two halves: numbers hold no 64 bits, and BigInts are slow.
  let low = -1
  let high = -1
  return {
    update(bytes) {
      const end = bytes.length - (bytes.length % 8)
      let at = 0
      for (; at < end; at += 8) {
        const a = low ^ littleEndian(bytes, at)
        const b = high ^ littleEndian(bytes, at + 4)
        const [i0, i1, i2, i3] = [
          0x700 | (a & 255),
          0x600 | ((a >>> 8) & 255),
          0x500 | ((a >>> 16) & 255),
          0x400 | (a >>> 24),
        ]
        const [i4, i5, i6, i7] = [0x300 | (b & 255), 0x200 | ((b >>> 8) & 255), 0x100 | ((b >>> 16) & 255), b >>> 24]
        low = lows[i0]! ^ lows[i1]! ^ lows[i2]! ^ lows[i3]! ^ lows[i4]! ^ lows[i5]! ^ lows[i6]! ^ lows[i7]!
        high = highs[i0]! ^ highs[i1]! ^ highs[i2]! ^ highs[i3]! ^ highs[i4]! ^ highs[i5]! ^ highs[i6]! ^ highs[i7]!
      }
      for (; at < bytes.length; at++) {
        const index = (low ^ bytes[at]!) & 255
        low = ((low >>> 8) | (high << 24)) ^ lows[index]!
        high = (high >>> 8) ^ highs[index]!
      }
    },
    digest() {
      const bytes = Buffer.alloc(8)
      bytes.writeInt32BE(~high, 0)
      bytes.writeInt32BE(~low, 4)
      return bytes
    },
  }
}

const polynomial = 0x9a6c9329ac4bc9b5n

/** Eight tables of 256: the n-th one has what a byte does to the sum when n more bytes follow it. */
const [lows, highs] = createTables()

function createTables(): [Int32Array, Int32Array] {
  const [low, high] = [new Int32Array(8 * 256), new Int32Array(8 * 256)]
  for (let byte = 0; byte < 256; byte++) {
    let sum = BigInt(byte)
    for (let table = 0; table < 8; table++) {
      for (let bit = 0; bit < 8; bit++) sum = sum & 1n ? (sum >> 1n) ^ polynomial : sum >> 1n
      low[table * 256 + byte] = Number(BigInt.asIntN(32, sum))
      high[table * 256 + byte] = Number(BigInt.asIntN(32, sum >> 32n))
    }
  }
  return [low, high]
}

function littleEndian(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
}
