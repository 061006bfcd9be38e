import { type BodyCheck, readChecksums } from '../body/body-check.ts'
import { parseAmzDate } from '../dates.ts'
import { S3Refusal } from '../refusal.ts'
import type { SecretLookup } from '../request.ts'
import { matchesV2 } from '../v2/verify.ts'
import { parseCredential } from '../v4/credential.ts'
import { hmac, matchesHex } from '../v4/signing-keys.ts'
import { checkScope, findSecret, signatureMismatch, type V4Settings } from '../v4/verify.ts'
import { checkConditions, denied, parsePolicy } from './policy.ts'

/** A browser's upload, without the bytes of its file. */
export type PostForm = {
  /** Which the URL names. */
  bucket: string
  /** The fields that come before the file, in any case, values as text. What follows the file is not looked at. */
  fields: Iterable<readonly [name: string, value: string]>
  /** What the browser calls the file; stands in for `${filename}` in the key. */
  filename?: string
  now: Date
}

export type AcceptedForm = {
  accessKey: string
  /** With the name of the file in it. */
  key: string
  /** By lower-case name. */
  fields: ReadonlyMap<string, string>
  /** For the bytes of the file; how many there are nobody has said. */
  body: BodyCheck
}

/** Proves a form by its policy, or throws `S3Refusal`. */
export function verifyPostForm(form: PostForm, lookup: SecretLookup, settings: V4Settings): AcceptedForm {
  const fields = readFields(form)
  const policyText = need(fields, 'policy')
  const accessKey = fields.has('x-amz-signature')
    ? verifyV4Policy(fields, policyText, lookup, settings)
    : verifyV2Policy(fields, policyText, lookup)

  const policy = parsePolicy(policyText)
  if (form.now.getTime() > policy.expiresAt) throw denied('Policy expired.')
  checkConditions(policy, fields)
  const body: BodyCheck = { size: undefined, ...readChecksums(Object.fromEntries(fields)) }
  return {
    accessKey,
    key: need(fields, 'key'),
    fields,
    body: policy.sizeRange ? { ...body, sizeRange: policy.sizeRange } : body,
  }
}

function verifyV4Policy(fields: Fields, policy: string, lookup: SecretLookup, settings: V4Settings): string {
  if (need(fields, 'x-amz-algorithm') !== 'AWS4-HMAC-SHA256') {
    throw new S3Refusal('InvalidArgument', 'x-amz-algorithm must be AWS4-HMAC-SHA256.')
  }
  const credential = parseCredential(need(fields, 'x-amz-credential'))
  const amzDate = need(fields, 'x-amz-date')
  if (!credential || parseAmzDate(amzDate) === null) {
    throw new S3Refusal(
      'InvalidArgument',
      'x-amz-credential must be KEY/DATE/REGION/s3/aws4_request, x-amz-date a date.',
    )
  }
  checkScope(credential, amzDate, settings, 'AccessDenied')
  const key = settings.keys(findSecret(credential.accessKey, lookup), credential)
  if (!matchesHex(need(fields, 'x-amz-signature'), hmac(key, policy))) throw signatureMismatch()
  return credential.accessKey
}

function verifyV2Policy(fields: Fields, policy: string, lookup: SecretLookup): string {
  const accessKey = need(fields, 'awsaccesskeyid')
  const secret = findSecret(accessKey, lookup)
  if (!matchesV2(need(fields, 'signature'), secret, [policy])) throw signatureMismatch()
  return accessKey
}

type Fields = ReadonlyMap<string, string>

/** The fields as the policy sees them: expanded, and the bucket among them. */
function readFields({ fields, bucket, filename = '' }: PostForm): Fields {
  const read = new Map<string, string>()
  for (const [name, value] of fields) {
    const lower = name.toLowerCase()
    // Of two, the policy might allow one and the upload use the other.
    if (read.has(lower)) throw new S3Refusal('InvalidArgument', `The field ${lower} comes twice.`)
    read.set(lower, lower === 'key' ? value.replaceAll(/\$\{filename\}/g, () => filename) : value)
  }
  if ((read.get('bucket') ?? bucket) !== bucket) throw denied('The form is for another bucket.')
  return read.set('bucket', bucket)
}

function need(fields: Fields, name: string): string {
  const value = fields.get(name)
  if (value) return value
  if (name === 'policy' || name === 'signature' || name === 'awsaccesskeyid') {
    throw new S3Refusal('AccessDenied', `A form without the field ${name} proves nothing.`)
  }
  throw new S3Refusal('InvalidArgument', `The form needs the field ${name}.`)
}
