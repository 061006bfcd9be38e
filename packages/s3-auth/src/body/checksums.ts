import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { crc32c } from '@node-rs/crc32'
import { createCrc64Nvme } from './crc64-nvme.ts'

/** The checksums of `x-amz-checksum-*` that are verified, and their lengths in bytes. */
export const checksumBytes = { crc32: 4, crc32c: 4, crc64nvme: 8, sha1: 20, sha256: 32 } as const

export type ChecksumAlgorithm = keyof typeof checksumBytes

export type Checksum = {
  update(bytes: Uint8Array): void
  /** Ends the sum: once, and after it no more bytes. */
  digest(): Buffer
}

export function isChecksumAlgorithm(name: string): name is ChecksumAlgorithm {
  return Object.hasOwn(checksumBytes, name)
}

export function createChecksum(algorithm: ChecksumAlgorithm | 'md5'): Checksum {
  switch (algorithm) {
    case 'crc32':
      return createCrc32(crc32)
    case 'crc32c':
      return createCrc32(crc32c)
    case 'crc64nvme':
      return createCrc64Nvme()
    default: {
      const hash = createHash(algorithm)
      return { update: bytes => void hash.update(bytes), digest: () => hash.digest() }
    }
  }
}

function createCrc32(add: (bytes: Uint8Array, before: number) => number): Checksum {
  let sum = 0
  return {
    update(bytes) {
      sum = add(bytes, sum)
    },
    digest() {
      const bytes = Buffer.alloc(4)
      bytes.writeUInt32BE(sum)
      return bytes
    },
  }
}
