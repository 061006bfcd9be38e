import { S3Refusal } from '../refusal.ts'
import { type Headers, headerOf } from '../request.ts'
import type { ChunkSigning } from '../v4/verify.ts'
import { type ChecksumAlgorithm, checksumBytes, isChecksumAlgorithm } from './checksums.ts'

/** What the bytes of a body have to be. For `verifyBody`. */
export type BodyCheck = {
  /** Bytes of the object itself, without the frames of chunks. `undefined` when the client did not say. */
  size: number | undefined
  /** Of a form's policy. */
  sizeRange?: { min: number; max: number }
  sha256?: Buffer
  md5?: Buffer
  checksum?: { algorithm: ChecksumAlgorithm; expected: Buffer }
  /** The body comes in frames of `aws-chunked`. */
  chunks?: ChunkCheck
}

export type ChunkCheck = {
  /** Absent: the chunks are not signed. */
  signing?: ChunkSigning
  /** The checksums that follow the last chunk. */
  trailers: ChecksumAlgorithm[]
}

/** The modes of `x-amz-content-sha256` in which the body comes in chunks. */
const streaming: Record<string, { signed: boolean; trailer: boolean }> = {
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD': { signed: true, trailer: false },
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER': { signed: true, trailer: true },
  'STREAMING-UNSIGNED-PAYLOAD-TRAILER': { signed: false, trailer: true },
}

export type CheckOptions = {
  /** `x-amz-content-sha256`, or what stands for it. */
  payload: string
  /** Absent: the request is not signed by version 4, so chunks cannot be. */
  signing?: ChunkSigning
  /** `x-amz-checksum-*` is about something else than this body. */
  foreignChecksum: boolean
}

/** Reads from the headers how the body is to be checked. Throws what is wrong with them. */
export function readBodyCheck(headers: Headers, { payload, signing, foreignChecksum }: CheckOptions): BodyCheck {
  const check = foreignChecksum ? readMd5(headers) : { ...readMd5(headers), ...readChecksum(headers) }
  const mode = Object.hasOwn(streaming, payload) ? streaming[payload] : undefined
  if (!mode) return { ...check, ...readDigest(payload), size: readLength(headers, 'content-length') }

  const size = readLength(headers, 'x-amz-decoded-content-length')
  if (size === undefined)
    throw new S3Refusal('MissingContentLength', 'Chunks need the header x-amz-decoded-content-length.')
  const trailers = mode.trailer ? readTrailerNames(headers) : []
  if (!mode.signed) return { ...check, size, chunks: { trailers } }
  if (!signing) throw new S3Refusal('InvalidArgument', 'Signed chunks need a request that is signed by version 4.')
  if (mode.trailer && trailers.length === 0) {
    throw new S3Refusal('InvalidRequest', 'A signed trailer needs the header x-amz-trailer.')
  }
  return { ...check, size, chunks: { signing, trailers } }
}

/** `Content-MD5`, `x-amz-checksum-*`: at most one of the latter. Also for the fields of a form. */
export function readChecksums(headers: Headers): Pick<BodyCheck, 'md5' | 'checksum'> {
  return { ...readMd5(headers), ...readChecksum(headers) }
}

/** The content coding to keep with the object: `aws-chunked` was only one of the transfer. */
export function storedEncoding(contentEncoding: string | undefined): string | undefined {
  const codings = contentEncoding?.split(',').map(coding => coding.trim())
  return codings?.filter(coding => coding !== '' && coding.toLowerCase() !== 'aws-chunked').join(', ') || undefined
}

function readDigest(payload: string): { sha256?: Buffer } {
  if (payload === 'UNSIGNED-PAYLOAD') return {}
  if (/^[0-9a-fA-F]{64}$/.test(payload)) return { sha256: Buffer.from(payload, 'hex') }
  if (payload.startsWith('STREAMING-')) throw new S3Refusal('NotImplemented', 'This kind of chunks is not understood.')
  throw new S3Refusal(
    'InvalidArgument',
    'x-amz-content-sha256 must be UNSIGNED-PAYLOAD, a STREAMING- word or a SHA-256 in hexadecimal.',
  )
}

function readMd5(headers: Headers): { md5?: Buffer } {
  const text = headerOf(headers, 'content-md5')
  if (text === undefined) return {}
  return { md5: readBase64(text, 16) ?? refuse('InvalidDigest', 'The Content-MD5 is not valid.') }
}

function readChecksum(headers: Headers): { checksum?: { algorithm: ChecksumAlgorithm; expected: Buffer } } {
  const names = Object.keys(headers).filter(
    name => name.startsWith(prefix) && headers[name] !== undefined && !aboutChecksums.has(name),
  )
  if (names.length === 0) return {}
  if (names.length > 1) throw new S3Refusal('InvalidRequest', 'Expecting a single x-amz-checksum- header.')
  const algorithm = algorithmOf(names[0]!)
  const expected = readBase64(headerOf(headers, names[0]!) ?? '', checksumBytes[algorithm])
  return {
    checksum: { algorithm, expected: expected ?? refuse('InvalidRequest', `Value for ${names[0]} is invalid.`) },
  }
}

function readTrailerNames(headers: Headers): ChecksumAlgorithm[] {
  const names = (headerOf(headers, 'x-amz-trailer') ?? '').split(',').map(name => name.trim().toLowerCase())
  return [...new Set(names.filter(name => name !== ''))].map(algorithmOf)
}

const prefix = 'x-amz-checksum-'
const aboutChecksums = new Set([`${prefix}algorithm`, `${prefix}mode`, `${prefix}type`])

function algorithmOf(name: string): ChecksumAlgorithm {
  const algorithm = name.startsWith(prefix) ? name.slice(prefix.length) : ''
  if (isChecksumAlgorithm(algorithm)) return algorithm
  // To let it pass unread would be to say that it is right.
  throw new S3Refusal('NotImplemented', `The checksum ${name} is not understood.`)
}

function readLength(headers: Headers, name: string): number | undefined {
  const text = headerOf(headers, name)
  if (text === undefined) return undefined
  return /^\d{1,15}$/.test(text) ? Number(text) : refuse('InvalidArgument', `${name} is no number of bytes.`)
}

/** `null` unless it is the base64 of so many bytes, padded. */
export function readBase64(text: string, length: number): Buffer | null {
  const bytes = Buffer.from(text, 'base64')
  return bytes.length === length && bytes.toString('base64') === text.trim() ? bytes : null
}

function refuse(code: 'InvalidArgument' | 'InvalidDigest' | 'InvalidRequest', message: string): never {
  throw new S3Refusal(code, message)
}
