import { MortiseError } from '@mortise/errors'
import { createS3Storage, type S3StorageOptions } from './s3.ts'
import type { Storage } from './storage.ts'

export type B2StorageOptions = Omit<S3StorageOptions, 'accessKey' | 'secretAccessKey'> & {
  /** The id of an application key; the account's own key does not open this interface. */
  keyId: string
  applicationKey: string
}

/** Backblaze B2 through its S3 interface, whose address has the region of the account in it: one of the two is needed. */
export function createB2Storage({ keyId, applicationKey, ...options }: B2StorageOptions): Storage {
  const { endpoint, region = regionOf(endpoint) } = options
  if (!endpoint && !region) throw new MortiseError('invalid_config', 'b2: the endpoint and the region are missing')
  if (!keyId || !applicationKey) throw new MortiseError('invalid_config', 'b2: the application key is missing')
  // Here is no archive.
  const { restore: _, ...s3 } = createS3Storage({
    ...options,
    accessKey: keyId,
    secretAccessKey: applicationKey,
    endpoint: endpoint ?? `https://s3.${region}.backblazeb2.com`,
    ...(region ? { region } : {}),
  })
  return { ...s3, kind: 'b2' }
}

function regionOf(endpoint: string | undefined): string | undefined {
  return /^(?:https?:\/\/)?s3\.([a-z0-9-]+)\.backblazeb2\.com\b/.exec(endpoint ?? '')?.[1]
}
