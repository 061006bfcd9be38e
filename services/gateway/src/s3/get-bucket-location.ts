import { xmlResponse } from './xml.ts'

/** As in mort, whatever the region. */
export function getBucketLocation(): Response {
  return xmlResponse('LocationConstraint', { '#text': 'EU' })
}
