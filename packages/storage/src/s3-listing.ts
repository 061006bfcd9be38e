import type { IncomingMessage } from 'node:http'
import { MortiseError } from '@mortise/errors'
import { SaxesParser } from 'saxes'
import { asError } from './body.ts'
import type { RemoteAnswer, RemoteQuestion } from './remote-listing.ts'

/** The query of ListObjectsV2. Keys come percent-encoded, because XML cannot carry all of them. */
export function printListing({ prefix, delimiter, after, limit, token }: RemoteQuestion): string {
  const query = {
    'list-type': '2',
    'encoding-type': 'url',
    'max-keys': String(limit),
    prefix,
    ...(delimiter ? { delimiter } : {}),
    ...(after ? { 'start-after': after } : {}),
    ...(token ? { 'continuation-token': token } : {}),
  }
  const pairs = Object.entries(query).map(([name, value]) => `${name}=${encodeSigned(value)}`)
  return pairs.sort().join('&')
}

/** As it is signed: only RFC 3986's unreserved characters stand for themselves. */
function encodeSigned(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, sign => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`)
}

/** The answer to it. Throws `storage_unavailable` for one that is no listing, breaks off or is silent for too long. */
export async function readListing(response: IncomingMessage, timeoutMs: number): Promise<RemoteAnswer> {
  const parser = createListingParser()
  let bytes = 0
  const timer = setTimeout(() => response.destroy(new Error(`S3 was silent for ${timeoutMs} ms`)), timeoutMs)
  try {
    response.setEncoding('utf8')
    for await (const chunk of response as AsyncIterable<string>) {
      timer.refresh()
      bytes += chunk.length
      if (bytes > maxListingBytes) throw new Error(`the listing has more than ${maxListingBytes} bytes`)
      parser.write(chunk)
    }
    return parser.end()
  } catch (error) {
    response.destroy()
    throw new MortiseError('storage_unavailable', `S3 listing: ${asError(error).message}`, { cause: error })
  } finally {
    clearTimeout(timer)
  }
}

/** 1,000 keys of 1,024 encoded bytes, and as much again for all else. */
const maxListingBytes = 8 * 1024 * 1024

/** What is of interest has its place right below the root, or one level deeper in an entry. */
function createListingParser() {
  const parser = new SaxesParser()
  const path: string[] = []
  const said: Fields = {}
  const contents: Fields[] = []
  const prefixes: string[] = []
  let entry: Fields = {}
  let text = ''

  parser.on('opentag', ({ name }) => {
    path.push(name)
    if (path.length > maxDepth || path[0] !== 'ListBucketResult') throw new Error('this is no listing')
    if (path.length === 2) entry = {}
    text = ''
  })
  parser.on('text', part => {
    text += part
  })
  parser.on('closetag', () => {
    const name = path.pop()!
    if (path.length === 2) entry[name] = text
    if (path.length !== 1) return
    if (name === 'Contents') contents.push(entry)
    else if (name === 'CommonPrefixes') prefixes.push(entry.Prefix ?? '')
    else said[name] = text
  })

  return {
    write: (chunk: string) => void parser.write(chunk),
    end(): RemoteAnswer {
      parser.close()
      const decode = said.EncodingType === 'url' ? decodeQuery : (key: string) => key
      return {
        objects: contents.map(fields => readEntry(fields, decode)),
        prefixes: prefixes.map(decode),
        more: said.IsTruncated === 'true' && (said.NextContinuationToken ?? true),
      }
    },
  }
}

type Fields = Record<string, string>

const maxDepth = 8

const decodeQuery = (key: string) => decodeURIComponent(key.replaceAll('+', ' '))

function readEntry({ Key = '', Size, ETag = '', LastModified = '' }: Fields, decode: (key: string) => string) {
  const size = Number(Size)
  // To the second, as in the answers to all other requests.
  const seconds = Math.floor(Date.parse(LastModified) / 1000)
  if (!Number.isSafeInteger(size) || !Number.isSafeInteger(seconds)) throw new Error('an entry without size or date')
  const info = { size, etag: ETag.replaceAll('"', ''), lastModified: new Date(seconds * 1000) }
  return { key: decode(Key), info }
}
