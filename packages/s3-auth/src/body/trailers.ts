import { S3Refusal } from '../refusal.ts'
import type { ChunkCheck } from './body-check.ts'
import { readBase64 } from './body-check.ts'
import { type ChecksumAlgorithm, checksumBytes } from './checksums.ts'
import type { ChunkChain } from './chunk-chain.ts'

/** Collects the trailers: those that were announced, each once, and the signature after them if there is one to be. */
export type Trailers = {
  add(line: string): void
  complete(): boolean
  /** By algorithm, when they are complete. */
  checksums: Map<ChecksumAlgorithm, Buffer>
}

export function createTrailers({ trailers, signing }: ChunkCheck, chain: ChunkChain | null): Trailers {
  const checksums = new Map<ChecksumAlgorithm, Buffer>()
  const signed = signing !== undefined && trailers.length > 0
  let lines = ''
  let proven = !signed

  return {
    checksums,
    complete: () => proven && checksums.size === trailers.length,
    add(line) {
      const at = line.indexOf(':')
      const [name, value] = [line.slice(0, at).trim().toLowerCase(), line.slice(at + 1).trim()]
      if (name === 'x-amz-trailer-signature' && !proven) {
        if (checksums.size < trailers.length) throw malformed('The signature comes before what it signs.')
        chain?.trailer(lines, value)
        proven = true
        return
      }
      const algorithm = trailers.find(announced => name === `x-amz-checksum-${announced}`)
      if (!algorithm || checksums.has(algorithm)) throw malformed('A trailer was not announced, or came twice.')
      const expected = readBase64(value, checksumBytes[algorithm])
      if (!expected) throw malformed(`The value of ${name} is not valid.`)
      checksums.set(algorithm, expected)
      lines += `${name}:${value}\n`
    },
  }
}

function malformed(message: string): S3Refusal {
  return new S3Refusal('MalformedTrailerError', message)
}
