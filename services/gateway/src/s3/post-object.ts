import { parseTarget } from '@mortise/plan'
import type { AcceptedForm } from '@mortise/s3-auth'
import { verifyBody } from '@mortise/s3-auth/body'
import type { BucketCall } from './call.ts'
import { targetOf } from './delete-object.ts'
import type { S3Deps } from './deps.ts'
import { S3Error } from './error.ts'
import { asHeaders } from './form-headers.ts'
import { readFacts } from './object-headers.ts'
import { writableLocation } from './own-object.ts'
import { readForm } from './post-form.ts'
import { spool } from './spool.ts'
import { xmlResponse } from './xml.ts'

/** Bytes of a form besides its file. */
const overhead = 1024 * 1024

/** An upload from a browser's form: its policy, which is signed, says what may be uploaded. */
export async function postObject(call: BucketCall, deps: S3Deps): Promise<Response> {
  const { bucket, signal } = call
  const maxBytes = deps.uploadBytes + overhead
  await using form = await readForm({ ...call, maxBytes }, deps.strangers)
  const { fields, file, filename } = form
  const accepted = deps.auth.authenticatePost(
    { bucket: bucket.name, fields, filename, now: new Date(deps.now()) },
    deps.access.secrets(bucket.name),
  )
  const key = `/${accepted.key}`
  const target = targetOf(call, key)
  parseTarget(target)
  const location = writableLocation({ bucket, key, target }, deps)
  if (key.endsWith('/')) throw new S3Error('InvalidRequest', 'A folder is not uploaded with a form.')
  const facts = readFacts(asHeaders(accepted.fields))
  using _slot = deps.slots.take(accepted.fields.get('x-amz-signature') ?? accepted.fields.get('signature'))
  const { stream } = verifyBody(file, { ...accepted.body, sizeRange: sizeRange(accepted, deps) })
  const record = { key, facts, initiator: accepted.accessKey }
  const info = await spool({ stream, location, record, signal }, deps)
  await deps.originals.written(location)
  return answer(call, accepted, info.etag)
}

function sizeRange({ body }: AcceptedForm, { uploadBytes }: S3Deps): { min: number; max: number } {
  const { min, max } = body.sizeRange ?? { min: 0, max: uploadBytes }
  return { min, max: Math.min(max, uploadBytes) }
}

function answer(call: BucketCall, { key, fields }: AcceptedForm, etag: string): Response {
  const Bucket = call.bucket.name
  const location = `http://${String(call.headers.host ?? '')}${targetOf(call, `/${key}`)}`
  const tag = `"${etag}"`
  const headers = { etag: tag, location }
  const redirect = redirectOf(fields.get('success_action_redirect') ?? fields.get('redirect'))
  if (redirect) {
    for (const [name, value] of Object.entries({ bucket: Bucket, key, etag: tag }))
      redirect.searchParams.set(name, value)
    return new Response(null, { status: 303, headers: { etag: tag, location: redirect.href, 'content-length': '0' } })
  }
  const status = fields.get('success_action_status')
  if (status === '200') return new Response(null, { status: 200, headers: { ...headers, 'content-length': '0' } })
  if (status !== '201') return new Response(null, { status: 204, headers })
  const created = xmlResponse('PostResponse', { Location: location, Bucket, Key: key, ETag: tag }, headers)
  return new Response(created.body, { status: 201, headers: created.headers })
}

/** What is no such address is as if it were not there, as in S3. */
function redirectOf(text: string | undefined): URL | null {
  const url = text === undefined ? null : URL.parse(text)
  return url && (url.protocol === 'http:' || url.protocol === 'https:') ? url : null
}
