import { createHash, type Hash } from 'node:crypto'
import { S3Refusal } from '../refusal.ts'
import { hmac, matchesHex } from '../v4/signing-keys.ts'
import type { ChunkSigning } from '../v4/verify.ts'

/** The signatures of chunks: each is over its bytes and the signature before it, so that none can move or go. */
export type ChunkChain = {
  /** `extension` holds the signature of the chunk whose bytes follow. */
  start(extension: string): void
  update(bytes: Buffer): void
  /** Throws `SignatureDoesNotMatch`. */
  end(): void
  /** Proves the lines after the last chunk, as `name:value\n` each. Throws `SignatureDoesNotMatch`. */
  trailer(lines: string, signature: string): void
}

const ofNothing = createHash('sha256').digest('hex')

export function createChunkChain({ key, amzDate, scope, seed }: ChunkSigning): ChunkChain {
  let before = seed
  let claimed = ''
  let hash: Hash = createHash('sha256')

  const verify = (kind: string, signature: string, digests: string[]) => {
    const text = [`AWS4-HMAC-SHA256-${kind}`, amzDate, scope, before, ...digests].join('\n')
    if (!matchesHex(signature, hmac(key, text))) {
      throw new S3Refusal('SignatureDoesNotMatch', 'The signature of a chunk does not match.')
    }
    before = signature
  }

  return {
    start(extension) {
      claimed = /^chunk-signature=([0-9a-f]{64})$/.exec(extension)?.[1] ?? ''
      if (claimed === '') throw new S3Refusal('SignatureDoesNotMatch', 'A chunk has no signature.')
      hash = createHash('sha256')
    },
    update: bytes => void hash.update(bytes),
    end: () => verify('PAYLOAD', claimed, [ofNothing, hash.digest('hex')]),
    trailer: (lines, signature) => verify('TRAILER', signature, [createHash('sha256').update(lines).digest('hex')]),
  }
}
