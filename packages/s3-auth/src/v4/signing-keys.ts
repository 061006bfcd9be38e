import { createHmac, timingSafeEqual } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Credential } from './credential.ts'

/** A key serves for a day, so a few for each client are enough. */
const maxKeys = 256

export type SigningKeys = (secret: string, credential: Credential) => Buffer

/** Derives the key that signs for one day and region, and remembers the last ones. */
export function createSigningKeys(): SigningKeys {
  const known = new LRUCache<string, Buffer>({ max: maxKeys })
  return (secret, { date, region }) => {
    // The secret is in the name because it may change; the date and the region hold no slash.
    const name = `${date}/${region}/${secret}`
    const key = known.get(name) ?? derive(secret, date, region)
    known.set(name, key)
    return key
  }
}

export function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

/** Compares with the signature as it was sent, in hexadecimal and constant time. */
export function matchesHex(signature: string, expected: Buffer): boolean {
  if (!/^[0-9a-f]{64}$/.test(signature)) return false
  return timingSafeEqual(Buffer.from(signature, 'hex'), expected)
}

function derive(secret: string, date: string, region: string): Buffer {
  return ['s3', 'aws4_request'].reduce<Buffer>(hmac, hmac(hmac(`AWS4${secret}`, date), region))
}
