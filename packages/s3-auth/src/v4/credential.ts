/** What a credential says: whose key signs, and for which day and region. */
export type Credential = {
  accessKey: string
  /** `20130524` */
  date: string
  region: string
  /** `20130524/mort/s3/aws4_request` */
  scope: string
}

/** `KEY/20130524/mort/s3/aws4_request`; the key may hold slashes. `null` for anything else, and other services. */
export function parseCredential(text: string): Credential | null {
  const parts = /^(.{1,128})\/(\d{8})\/([^/]{1,64})\/s3\/aws4_request$/.exec(text)
  if (!parts) return null
  const [, accessKey = '', date = '', region = ''] = parts
  return { accessKey, date, region, scope: `${date}/${region}/s3/aws4_request` }
}
