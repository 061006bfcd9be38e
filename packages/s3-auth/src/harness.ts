import { createHash, createHmac } from 'node:crypto'
import { SignatureV4 } from '@smithy/signature-v4'
import type { S3Request, SecretLookup } from './request.ts'

export const accessKey = 'AKIAIOSFODNN7EXAMPLE'
export const secret = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'
export const lookup: SecretLookup = key => (key === accessKey ? secret : undefined)

export const now = new Date('2026-03-04T05:06:07Z')
export const later = (seconds: number) => new Date(now.getTime() + seconds * 1000)

export type Draft = {
  method?: string
  /** As it is sent. */
  target?: string
  headers?: Record<string, string>
  /** For `x-amz-content-sha256`. */
  payload?: string
}

/** Signed in the header by the signer of Amazon's own clients. */
export async function signHeader(
  { method = 'GET', target = '/photos/cat.jpg', headers = {}, payload = 'UNSIGNED-PAYLOAD' }: Draft,
  { region = 'mort', key = secret, at = now } = {},
): Promise<S3Request> {
  const draft = { host: 's3.example.com', 'x-amz-content-sha256': payload, ...headers }
  const signed = await signer(region, key).sign(toSmithy(method, target, draft), { signingDate: at })
  return { method, rawTarget: target, headers: lowerCase(signed.headers), now: at }
}

/** Signed in the query by the same. */
export async function signQuery(
  { method = 'GET', target = '/photos/cat.jpg', headers = {} }: Draft,
  { region = 'mort', key = secret, at = now, expiresIn = 900, signableHeaders = [] as string[] } = {},
): Promise<S3Request> {
  const sent = { host: 's3.example.com', ...headers }
  const draft = toSmithy(method, target, { ...sent, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' })
  const signed = await signer(region, key).presign(draft, {
    signingDate: at,
    expiresIn,
    unhoistableHeaders: new Set(signableHeaders),
    signableHeaders: new Set(['host', ...signableHeaders]),
  })
  const query = Object.entries(signed.query ?? {}).map(([name, value]) => `${strict(name)}=${strict(String(value))}`)
  return { method, rawTarget: `${signed.path}?${query.join('&')}`, headers: sent, now: at }
}

/** `Authorization` of version 2 for a text to sign. */
export function v2Authorization(text: string, key = secret): string {
  return `AWS ${accessKey}:${v2Signature(text, key)}`
}

export function v2Signature(text: string, key = secret): string {
  return createHmac('sha1', key).update(text).digest('base64')
}

export const sha256 = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex')

/** Signs what comes after the first signature: chunks, and the lines after them. */
export function chunkSigner(seed: string, { at, region }: { at: string; region: string }) {
  const scope = [at.slice(0, 8), region, 's3', 'aws4_request']
  const key = scope.reduce<Buffer | string>((k, part) => createHmac('sha256', k).update(part).digest(), `AWS4${secret}`)
  let before = seed
  const sign = (kind: string, ...digests: string[]) => {
    const text = [`AWS4-HMAC-SHA256-${kind}`, at, scope.join('/'), before, ...digests].join('\n')
    before = createHmac('sha256', key).update(text).digest('hex')
    return before
  }
  return {
    chunk: (bytes: Uint8Array) => sign('PAYLOAD', sha256(''), sha256(bytes)),
    trailer: (lines: string) => sign('TRAILER', sha256(lines)),
  }
}

/** Frames of `aws-chunked`, one for each piece and the empty one at the end. */
export function frame(
  pieces: Uint8Array[],
  { signer, trailers = [] }: { signer?: ReturnType<typeof chunkSigner>; trailers?: string[] } = {},
): Buffer[] {
  const frames = [...pieces, Buffer.alloc(0)].map(piece => {
    const signature = signer ? `;chunk-signature=${signer.chunk(piece)}` : ''
    const head = Buffer.from(`${piece.length.toString(16)}${signature}\r\n`)
    return piece.length === 0 ? head : Buffer.concat([head, piece, Buffer.from('\r\n')])
  })
  const lines = trailers.map(line => `${line}\r\n`)
  if (signer && trailers.length > 0) {
    lines.push(`x-amz-trailer-signature:${signer.trailer(trailers.map(line => `${line}\n`).join(''))}\r\n`)
  }
  return [...frames, Buffer.from(`${lines.join('')}\r\n`)]
}

function signer(region: string, key: string): SignatureV4 {
  const credentials = { accessKeyId: accessKey, secretAccessKey: key }
  return new SignatureV4({
    service: 's3',
    region,
    credentials,
    sha256: Sha256,
    uriEscapePath: false,
    applyChecksum: false,
  })
}

function toSmithy(method: string, target: string, headers: Record<string, string>) {
  const [path = '', search = ''] = target.split('?', 2)
  const query: Record<string, string> = {}
  for (const [name, value] of new URLSearchParams(search)) query[name] = value
  return { method, protocol: 'http:', hostname: 's3.example.com', path, query, headers }
}

function lowerCase(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}

function strict(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, c => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
}

/** The digest as that signer wants it. */
class Sha256 {
  readonly #hash: { update(data: Uint8Array): unknown; digest(): Uint8Array }

  constructor(key?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = key === undefined ? createHash('sha256') : createHmac('sha256', key as Uint8Array)
  }

  update(data: Uint8Array | string): void {
    this.#hash.update(Buffer.from(data as Uint8Array))
  }

  async digest(): Promise<Uint8Array> {
    return new Uint8Array(this.#hash.digest())
  }

  reset(): void {
    throw new Error('a digest is used once')
  }
}
