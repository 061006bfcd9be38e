import { S3Refusal } from '../refusal.ts'
import { amzHeaderNames, foldedHeader, type Headers, type S3Request } from '../request.ts'
import { canonicalPath, decoded, type Target } from '../target.ts'

/** What version 2 signs of a query; all other parameters are not protected by it. */
const subResources = new Set([
  ...['accelerate', 'acl', 'analytics', 'cors', 'delete', 'encryption', 'inventory', 'legal-hold', 'lifecycle'],
  ...['location', 'logging', 'metrics', 'notification', 'partNumber', 'policy', 'replication', 'requestPayment'],
  ...['response-cache-control', 'response-content-disposition', 'response-content-encoding'],
  ...['response-content-language', 'response-content-type', 'response-expires', 'restore', 'retention', 'select'],
  ...['select-type', 'tagging', 'torrent', 'uploadId', 'uploads', 'versionId', 'versioning', 'versions', 'website'],
])

/** The texts that the client may have signed. `date` is what stands in the line of the date. */
export function textsToSign({ method, headers }: S3Request, target: Target, date: string): string[] {
  const head = [method, foldedHeader(headers, 'content-md5') ?? '', foldedHeader(headers, 'content-type') ?? '', date]
  const start = `${head.join('\n')}\n${amzHeaders(headers)}`
  const end = signedQuery(target)
  // The path as it was sent; or as it should have been.
  return [...new Set([target.path, canonicalPath(target.path)])].map(path => start + path + end)
}

function amzHeaders(headers: Headers): string {
  return amzHeaderNames(headers)
    .map(name => `${name}:${foldedHeader(headers, name)}\n`)
    .join('')
}

/**
 * Values are signed as they are meant, not as they are written. So `a=1%26b=2` is signed as `a=1&b=2` is, and whoever got
 * a signature for the one could ask for the other: what reads as two is refused, and so is what is said twice.
 */
function signedQuery({ parameters }: Target): string {
  const signed = parameters.filter(({ name }) => subResources.has(name)).sort((a, b) => (a.name < b.name ? -1 : 1))
  if (signed.some(({ name }, index) => name === signed[index + 1]?.name)) throw ambiguous()
  for (const { value } of signed) {
    const [, ...others] = decoded(value).split('&')
    if (others.some(other => subResources.has(other.split('=', 1)[0]!))) throw ambiguous()
  }
  const text = signed.map(({ name, value }) => (value === '' ? name : `${name}=${decoded(value)}`)).join('&')
  return text && `?${text}`
}

function ambiguous(): S3Refusal {
  return new S3Refusal('InvalidRequest', 'A signature of version 2 cannot tell this query from another one.')
}
