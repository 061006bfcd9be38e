import type { BucketCall, Signed } from './call.ts'
import { xmlResponse } from './xml.ts'

/** There are no lists of rights; who has the key may do everything. Tools that show one ask for it. */
export function getAcl({ signer: { accessKey } }: Signed<BucketCall>): Response {
  const owner = { ID: accessKey, DisplayName: accessKey }
  const grantee = { '@xmlns:xsi': 'http://www.w3.org/2001/XMLSchema-instance', '@xsi:type': 'CanonicalUser', ...owner }
  return xmlResponse('AccessControlPolicy', {
    Owner: owner,
    AccessControlList: { Grant: { Grantee: grantee, Permission: 'FULL_CONTROL' } },
  })
}
