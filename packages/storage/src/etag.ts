import { createHash } from 'node:crypto'
import { MortiseError } from '@mortise/errors'
import type { NewObject } from './storage.ts'

/** MD5 as hex. It tells bytes apart for clients of S3; nobody trusts it. */
export const createMd5 = () => createHash('md5')

/** The tag that an object is to have whatever its bytes are. `invalid_request` for one that cannot be sent in quotes. */
export function givenEtag({ etag }: Pick<NewObject, 'etag'>): string | undefined {
  if (etag !== undefined && !opaque.test(etag)) {
    throw new MortiseError('invalid_request', `bad tag ${JSON.stringify(etag.slice(0, 200))}`)
  }
  return etag
}

/** RFC 9110, section 8.8.3, without bytes above ASCII. */
const opaque = /^[\x21\x23-\x7e]{1,128}$/
