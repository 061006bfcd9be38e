import { verifyBody } from '@mortise/s3-auth/body'
import type { BucketCall, Signed } from './call.ts'
import { S3Error } from './error.ts'
import { type Element, malformed, parseXml } from './xml.ts'

/** Ten thousand parts, or a thousand keys with every character escaped, are less. */
const maxBytes = 4 * 1024 * 1024

/** The document in the body, checked as any other body. */
export async function readXml({ body, check }: Signed<BucketCall>, root: string): Promise<Element> {
  if ((check.size ?? 0) > maxBytes) throw tooLarge()
  const { stream } = verifyBody(body(), check)
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of stream) {
    size += chunk.length
    if (size > maxBytes) throw tooLarge()
    chunks.push(chunk)
  }
  try {
    return parseXml(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks)), root)
  } catch (error) {
    throw error instanceof S3Error ? error : malformed()
  }
}

function tooLarge(): S3Error {
  return new S3Error('EntityTooLarge', 'The document is longer than any that is understood.')
}
