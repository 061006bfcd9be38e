import { createHash, randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { paginateListObjectsV2 } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe } from 'vitest'
import { type Cluster, startCluster } from '../cluster.ts'
import { findMinio, type S3Server, startMinio } from '../servers/s3.ts'
import { keys, s3Site, sdk } from './s3-site.ts'

export const MiB = 1024 * 1024

export type Backing = 'files' | 'MinIO'

const bucketNames = ['media', 'other']

/**
 * Runs the same specs against one process that keeps objects in files, and against a gateway and a worker that keep
 * them on MinIO (skipped where there is none). Their buckets are `media` and `other`, both with {@link keys}.
 */
export async function describeBackings(name: string, specs: (cluster: () => Cluster, backing: Backing) => void) {
  const { folder, storages } = await s3Site()
  for (const bucket of bucketNames) {
    await mkdir(path.join(folder, bucket))
    await mkdir(path.join(folder, `${bucket}-derivatives`))
  }
  const binary = await findMinio()

  describe(`${name} (files, embedded)`, () => {
    let cluster: Cluster
    beforeAll(async () => {
      cluster = await startCluster('embedded', configOf(storages))
    })
    afterAll(async () => cluster?.[Symbol.asyncDispose]())
    specs(() => cluster, 'files')
  })

  describe.skipIf(!binary)(`${name} (MinIO, distributed)`, () => {
    let server: S3Server
    let cluster: Cluster
    beforeAll(async () => {
      server = await startMinio(binary!)
      for (const bucket of bucketNames) await server.createBucket(bucket)
      const { endpoint, accessKey, secretAccessKey } = server
      const on = (bucket: string) => ({ basic: { kind: 's3', bucket, endpoint, accessKey, secretAccessKey } })
      cluster = await startCluster('distributed', configOf(on))
    })
    afterAll(async () => {
      await cluster?.[Symbol.asyncDispose]()
      await server?.stop()
    })
    specs(() => cluster, 'MinIO')
  })
}

function configOf(storages: (bucket: string) => object): object {
  return { buckets: Object.fromEntries(bucketNames.map(name => [name, { keys: [keys], storages: storages(name) }])) }
}

/** A folder for what clients read and write, removed after the specs of the file. */
export async function workFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'mortise-clients-'))
  afterAll(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** A file of whole MiB in which no two are equal. */
export async function writeLarge(file: string, size: number): Promise<string> {
  await using handle = await open(file, 'w')
  const piece = randomBytes(MiB)
  for (let at = 0; at < size; at += MiB) {
    piece.writeUInt32BE(at)
    await handle.write(piece)
  }
  return file
}

export async function digest(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file)) hash.update(chunk)
  return hash.digest('hex')
}

/** Each key below a prefix, without it, and what changes when its object is written again. */
export async function objectsOf(url: string, Bucket: string, Prefix: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  for await (const { Contents = [] } of paginateListObjectsV2({ client: sdk(url) }, { Bucket, Prefix })) {
    for (const { Key = '', ETag, LastModified } of Contents) {
      found[Key.slice(Prefix.length)] = `${ETag} ${LastModified?.toISOString()}`
    }
  }
  return found
}

export async function keysOf(url: string, bucket: string, prefix: string): Promise<string[]> {
  return Object.keys(await objectsOf(url, bucket, prefix))
}
