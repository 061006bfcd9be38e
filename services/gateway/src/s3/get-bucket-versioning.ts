import { xmlResponse } from './xml.ts'

/** What S3 says of a bucket that never had versions. */
export function getBucketVersioning(): Response {
  return xmlResponse('VersioningConfiguration', {})
}
