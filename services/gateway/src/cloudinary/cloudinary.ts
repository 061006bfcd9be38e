import type { BucketConfig } from '@mortise/config'
import { MortiseError } from '@mortise/errors'
import { parseAddress, parseTarget } from '@mortise/plan'
import { isSigned } from '../s3/names.ts'
import { one } from '../s3/object-headers.ts'
import { pace } from '../s3/pace.ts'
import { createRoom } from '../s3/room.ts'
import type { S3Request } from '../s3/s3.ts'
import { replyTo, UploadRefusal, type UploadReply } from './refusal.ts'
import { type UploadDeps, upload } from './upload.ts'

/** Cloudinary's upload API: as in mort, any POST in a bucket whose URLs are Cloudinary's. */
export type Cloudinary = {
  /** What carries a signature of AWS is for the S3 API. */
  takes(request: Pick<S3Request, 'method' | 'target' | 'headers'>): boolean
  answer(request: S3Request): Promise<Response>
}

export type CloudinaryOptions = Omit<UploadDeps, 'room'> & {
  buckets: Record<string, BucketConfig>
  onError(error: unknown, reply: UploadReply, request: S3Request): void
}

/** Bytes in temporary files. */
const rooms = { proven: 2 * 1024 * 1024 * 1024, strangers: 256 * 1024 * 1024 }

export function createCloudinary({ buckets, onError, ...given }: CloudinaryOptions): Cloudinary {
  const deps: UploadDeps = {
    ...given,
    room: { proven: createRoom(rooms.proven), strangers: createRoom(rooms.strangers) },
  }
  return {
    takes: ({ method, target, headers }) =>
      method === 'POST' && bucketOf(target, buckets) !== null && !isSigned(target, one(headers, 'authorization')),

    async answer(request) {
      using paced = pace(request, deps.pace)
      try {
        const bucket = bucketOf(request.target, buckets)
        if (!bucket) throw new MortiseError('no_such_bucket', 'no such bucket')
        return await upload({ ...request, body: () => paced.body(), signal: paced.signal, bucket }, deps)
      } catch (thrown) {
        const gone = request.signal.aborted && new MortiseError('cancelled', 'the client left', { cause: thrown })
        const error = paced.tooSlow ? new UploadRefusal('tooLate') : gone || thrown
        const reply = replyTo(error)
        onError(error, reply, request)
        return textResponse(reply)
      }
    },
  }
}

function bucketOf(target: string, buckets: Record<string, BucketConfig>): BucketConfig | null {
  try {
    const { bucket: name } = parseAddress(parseTarget(target).path)
    const bucket = Object.hasOwn(buckets, name) ? buckets[name]! : null
    return bucket?.transform?.kind === 'cloudinary' ? bucket : null
  } catch {
    return null
  }
}

function textResponse({ status, text, retryAfter }: UploadReply): Response {
  const headers: Record<string, string> = {
    'content-type': 'text/plain',
    'content-length': String(Buffer.byteLength(text)),
    'x-content-type-options': 'nosniff',
  }
  // What is left of its body nobody waits for.
  if (status === 408) headers.connection = 'close'
  if (retryAfter !== null) headers['retry-after'] = String(retryAfter)
  return new Response(text, { status, headers })
}
