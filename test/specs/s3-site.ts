import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'
import { Client } from 'minio'
import { afterAll, onTestFinished } from 'vitest'

export const keys = { accessKey: 'acc', secretAccessKey: 'a secret of the test' }

/** Buckets on `local-meta` in a folder that is removed after the specs of the file; `media` belongs to {@link keys}. */
export async function s3Site() {
  const folder = await mkdtemp(path.join(tmpdir(), 'mortise-s3-'))
  afterAll(() => rm(folder, { recursive: true, force: true }))
  const storages = (name: string) => ({
    basic: { kind: 'local-meta', rootPath: path.join(folder, name) },
    transform: { kind: 'local-meta', rootPath: path.join(folder, `${name}-derivatives`) },
  })
  return { folder, storages }
}

type Given = { accessKeyId?: string; secretAccessKey?: string } & Partial<S3ClientConfig>

/** Amazon's own client. It lives until the test, or the file when there is none, is over. */
export function sdk(url: string, { accessKeyId, secretAccessKey, ...more }: Given = {}): S3Client {
  const client = new S3Client({
    endpoint: url,
    region: 'mort',
    forcePathStyle: true,
    maxAttempts: 1,
    credentials: {
      accessKeyId: accessKeyId ?? keys.accessKey,
      secretAccessKey: secretAccessKey ?? keys.secretAccessKey,
    },
    ...more,
  })
  onTestFinished(() => client.destroy())
  return client
}

export function minio(url: string, more: { accessKey?: string; secretKey?: string; partSize?: number } = {}): Client {
  const { hostname, port } = new URL(url)
  return new Client({
    endPoint: hostname,
    port: Number(port),
    useSSL: false,
    region: 'mort',
    accessKey: keys.accessKey,
    secretKey: keys.secretAccessKey,
    ...more,
  })
}

/** What a call of a client fails with: `200` when it does not. */
export async function refusal(call: Promise<unknown>): Promise<{ status: number; code: string }> {
  try {
    await call
    return { status: 200, code: '' }
  } catch (error) {
    const { name, code, Code, $metadata } = error as {
      name: string
      code?: string
      Code?: string
      $metadata?: { httpStatusCode?: number }
    }
    return { status: $metadata?.httpStatusCode ?? 0, code: Code ?? code ?? name }
  }
}
