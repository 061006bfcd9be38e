import { S3Refusal, type S3RefusalCode } from '../refusal.ts'
import type { BodyCheck, ChunkCheck } from './body-check.ts'
import { type Checksum, type ChecksumAlgorithm, createChecksum } from './checksums.ts'
import { createChunkChain } from './chunk-chain.ts'
import { createChunkDecoder } from './chunk-decoder.ts'
import { createTrailers } from './trailers.ts'

export type BodyReader = {
  push(bytes: Buffer): void
  /** Throws unless all that came is what was to come. */
  end(): void
  checksums(): Partial<Record<ChecksumAlgorithm, string>>
}

/** Takes a body as it comes and gives its bytes to `emit`, none before they have been counted and summed. */
export function createBodyReader(check: BodyCheck, emit: (bytes: Buffer) => void): BodyReader {
  const { size, sizeRange, chunks } = check
  const sums = createSums(check)
  let count = 0

  const take = (bytes: Buffer) => {
    count += bytes.length
    if (size !== undefined && count > size) throw wrongSize(size)
    if (sizeRange && count > sizeRange.max)
      throw new S3Refusal('EntityTooLarge', 'The upload is larger than it may be.')
    sums.update(bytes)
    emit(bytes)
  }
  const frames = chunks ? createFrames(chunks, take) : null

  return {
    push: bytes => (frames ? frames.push(bytes) : take(bytes)),
    end() {
      frames?.end()
      if (size !== undefined && count !== size) throw wrongSize(size)
      if (sizeRange && count < sizeRange.min)
        throw new S3Refusal('EntityTooSmall', 'The upload is smaller than it may be.')
      sums.verify(frames?.checksums)
    },
    checksums: sums.verified,
  }
}

function createFrames(check: ChunkCheck, take: (bytes: Buffer) => void) {
  const chain = check.signing ? createChunkChain(check.signing) : null
  const trailers = createTrailers(check, chain)
  const decoder = createChunkDecoder({
    start: (_size, extension) => chain?.start(extension),
    data(bytes) {
      chain?.update(bytes)
      take(bytes)
    },
    end: () => chain?.end(),
    trailer: trailers.add,
    complete: trailers.complete,
  })
  return { ...decoder, checksums: trailers.checksums }
}

/** Every sum that a body needs, each byte once through each. */
function createSums({ sha256, md5, checksum, chunks }: BodyCheck) {
  const algorithms = new Set([...(checksum ? [checksum.algorithm] : []), ...(chunks?.trailers ?? [])])
  const sums = new Map<ChecksumAlgorithm | 'md5' | 'payload', Checksum>()
  for (const algorithm of algorithms) sums.set(algorithm, createChecksum(algorithm))
  if (sha256) sums.set('payload', createChecksum('sha256'))
  if (md5) sums.set('md5', createChecksum('md5'))
  const verified: Partial<Record<ChecksumAlgorithm, string>> = {}

  return {
    update(bytes: Buffer) {
      for (const sum of sums.values()) sum.update(bytes)
    },
    verify(trailers: ReadonlyMap<ChecksumAlgorithm, Buffer> = new Map()) {
      compare(sums.get('payload'), [sha256], 'XAmzContentSHA256Mismatch', 'x-amz-content-sha256')
      compare(sums.get('md5'), [md5], 'BadDigest', 'Content-MD5')
      for (const algorithm of algorithms) {
        const expected = [trailers.get(algorithm), checksum?.algorithm === algorithm ? checksum.expected : undefined]
        verified[algorithm] = compare(sums.get(algorithm), expected, 'BadDigest', `x-amz-checksum-${algorithm}`)
      }
    },
    verified: () => verified,
  }
}

/** Throws unless the sum is all that was expected; what is `undefined` was not. */
function compare(
  sum: Checksum | undefined,
  expected: (Buffer | undefined)[],
  code: S3RefusalCode,
  name: string,
): string {
  const actual = sum?.digest()
  if (!actual) return ''
  if (expected.every(bytes => !bytes || bytes.equals(actual))) return actual.toString('base64')
  throw new S3Refusal(code, `The body is not the one that ${name} was made from.`)
}

function wrongSize(size: number): S3Refusal {
  return new S3Refusal('IncompleteBody', `The body does not have the ${size} bytes that were announced.`)
}
