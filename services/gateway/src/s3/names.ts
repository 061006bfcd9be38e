import { parseQuery, publicKey, type Query } from '@mortise/plan'

/** The names in a query that make a request one about something else than the bucket or the object itself. */
const subResources = new Set([
  ...['accelerate', 'acl', 'analytics', 'attributes', 'cors', 'delete', 'encryption', 'intelligent-tiering'],
  ...['inventory', 'legal-hold', 'lifecycle', 'location', 'logging', 'metadataTable', 'metadataConfiguration'],
  ...['metadataInventoryTable', 'metadataJournalTable', 'metrics', 'notification', 'object-lock'],
  ...['ownershipControls', 'policy', 'policyStatus', 'publicAccessBlock', 'renameObject', 'replication'],
  ...['requestPayment', 'restore', 'retention', 'select', 'session', 'tagging', 'torrent', 'uploads', 'uploadId'],
  ...['versioning', 'versions', 'website', 'append', 'abac', 'encryptionConfiguration'],
])

/**
 * What a query is about: empty for the bucket or object itself, otherwise the names of sub-resources, sorted, with
 * commas. One that is no version there is (`versionId`, unless it says `null`) is a sub-resource as well.
 */
export function subResourceOf(query: Query): string {
  const names = query.names().filter(name => subResources.has(name))
  const version = query.get('versionId')
  if (version !== undefined && version !== '' && version !== 'null') names.push('versionId')
  return names.sort().join(',')
}

/**
 * Whether a key is that of an object in the S3 API only. Whatever the URL says to everybody else, an object that repeats a
 * slash or looks like a folder is found, written and deleted under just that key, and nothing is made of it.
 */
export function isOnlyOfS3(key: string): boolean {
  return key.endsWith('/') || key !== publicKey(key)
}

/** Whether a request carries a signature of AWS, right or wrong; other schemes of `Authorization` are nobody's here. */
export function isSigned(target: string, authorization: string | undefined): boolean {
  if (authorization?.startsWith('AWS')) return true
  const at = target.indexOf('?')
  if (at === -1 || !/X-Amz-|AWSAccessKeyId/.test(target)) return false
  const query = parseQuery(target.slice(at + 1))
  return ['X-Amz-Signature', 'X-Amz-Algorithm', 'AWSAccessKeyId'].some(name => query.get(name) !== undefined)
}
