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

function signedQuery({ parameters }: Target): string {
  const signed = parameters.filter(({ name }) => subResources.has(name)).sort((a, b) => (a.name < b.name ? -1 : 1))
  const text = signed.map(({ name, value }) => (value === '' ? name : `${name}=${decoded(value)}`)).join('&')
  return text && `?${text}`
}
