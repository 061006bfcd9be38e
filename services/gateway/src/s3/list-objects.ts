import type { Listing } from '@mortise/storage'
import type { BucketCall } from './call.ts'
import type { S3Deps } from './deps.ts'
import { S3Error } from './error.ts'
import { ownStorage } from './own-object.ts'
import { type XmlElements, xmlResponse } from './xml.ts'

const maxPage = 1000

/** Both versions of the listing: `list-type=2` goes on by an opaque token, the old one by the last key. */
export async function listObjects(call: BucketCall, deps: S3Deps): Promise<Response> {
  const { query, bucket, signal } = call
  const version2 = query.get('list-type') === '2'
  const prefix = query.get('prefix') ?? ''
  const delimiter = query.get('delimiter') || undefined
  const limit = readLimit(query.get('max-keys'))
  const start = version2 ? readStart(query) : (query.get('marker') ?? '')
  const storage = ownStorage(call, deps)
  if (!storage.list) throw new S3Error('NotImplemented', 'The storage of this bucket cannot tell its keys.')

  const nothing: Listing = { objects: [], prefixes: [], next: null }
  const page =
    limit === 0 || hidden.test(`/${prefix}`)
      ? nothing
      : await storage.list(bucket.name, {
          prefix: `/${prefix}`,
          ...(start === '' ? {} : { after: `/${start}` }),
          ...(delimiter === undefined ? {} : { delimiter }),
          limit,
          signal,
        })
  const print = printer(query.get('encoding-type'))
  const owner = call.signer && (!version2 || query.get('fetch-owner') === 'true') ? ownerOf(call.signer.accessKey) : {}
  const prefixes = !version2 && delimiter === undefined ? topFolders(page, prefix) : page.prefixes
  return xmlResponse('ListBucketResult', {
    Name: bucket.name,
    Prefix: print(prefix),
    ...(version2 ? printV2(query, page, print) : printV1(start, page, print)),
    MaxKeys: limit,
    Delimiter: delimiter === undefined ? undefined : print(delimiter),
    EncodingType: query.get('encoding-type'),
    IsTruncated: page.next !== null,
    Contents: page.objects.map(({ key, info }) => ({
      Key: print(key.slice(1)),
      LastModified: info.lastModified.toISOString(),
      ETag: `"${info.etag}"`,
      Size: info.size,
      StorageClass: 'STANDARD',
      ...owner,
    })),
    CommonPrefixes: prefixes.map(text => ({ Prefix: print(text.slice(1)) })),
  })
}

type Print = (text: string) => string
type BucketQuery = BucketCall['query']

function printV1(marker: string, { next }: Listing, print: Print): XmlElements {
  return { Marker: print(marker), NextMarker: next === null ? undefined : print(next.slice(1)) }
}

function printV2(query: BucketQuery, { objects, prefixes, next }: Listing, print: Print): XmlElements {
  const startAfter = query.get('start-after')
  return {
    KeyCount: objects.length + prefixes.length,
    StartAfter: startAfter ? print(startAfter) : undefined,
    ContinuationToken: query.get('continuation-token'),
    NextContinuationToken: next === null ? undefined : Buffer.from(tokenMark + next.slice(1)).toString('base64url'),
  }
}

/** So that a token of another format is known for one. */
const tokenMark = '1 '

function readStart(query: BucketQuery): string {
  const token = query.get('continuation-token')
  if (token === undefined) return query.get('start-after') ?? ''
  const text = Buffer.from(token, 'base64url').toString()
  if (!text.startsWith(tokenMark) || Buffer.from(text).toString('base64url') !== token) {
    throw new S3Error('InvalidArgument', 'The continuation token provided is incorrect.', {
      ArgumentName: 'continuation-token',
    })
  }
  return text.slice(tokenMark.length)
}

function readLimit(text: string | undefined): number {
  if (text === undefined || text === '') return maxPage
  if (!/^\d{1,10}$/.test(text)) {
    throw new S3Error('InvalidArgument', 'max-keys must be a whole number from 0 on.', { ArgumentName: 'max-keys' })
  }
  return Math.min(Number(text), maxPage)
}

/** Prefixes that no key can have. `a/.` may be the begin of `a/.b`. */
const hidden = /\/\.{1,2}\/|\/\.mortise\/|[\\\0]/i

function printer(encoding: string | undefined): Print {
  if (encoding === undefined) return text => text
  if (encoding !== 'url') {
    throw new S3Error('InvalidArgument', 'Invalid Encoding Method specified in Request', {
      ArgumentName: 'encoding-type',
    })
  }
  return text => encodeURIComponent(text.toWellFormed()).replaceAll('%2F', '/')
}

/**
 * mort tells the folders at the top beside the keys when nobody asks for a delimiter, and its clients look for them.
 * Those of S3 do not mind. Only in the old version, at the top, and of the keys of this page.
 */
function topFolders({ objects }: Listing, prefix: string): string[] {
  if (prefix !== '') return []
  const tops = objects.map(({ key }) => key.slice(0, key.indexOf('/', 1) + 1)).filter(top => top !== '')
  return [...new Set(tops)]
}

function ownerOf(accessKey: string): XmlElements {
  return { Owner: { ID: accessKey, DisplayName: accessKey } }
}
