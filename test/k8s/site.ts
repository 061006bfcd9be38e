import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type Part, startServe } from '../cluster.ts'
import { startRedis } from '../servers/redis.ts'
import { startS3Server } from '../servers/s3.ts'
import { type Container, roleOf } from './read.ts'
import type { Resource } from './render.ts'

export type RoleName = 'gateway' | 'worker'

/** What is rendered, run on this machine: the real programs, by the rendered arguments and configuration. */
export type Site = AsyncDisposable & {
  gateway: Part
  worker: Part
  variables: Record<string, string>
  /** One more of them, which ends with the site at the latest. */
  start(role: RoleName): Promise<Part>
}

export async function startSite(resources: Resource[]): Promise<Site> {
  await using stack = new AsyncDisposableStack()
  const redis = stack.use(await startRedis())
  const s3 = stack.adopt(await startS3Server(), server => server.stop())
  await Promise.all(['originals', 'derivatives'].map(s3.createBucket))
  const folder = await mkdtemp(path.join(tmpdir(), 'mortise-k8s-'))
  stack.defer(() => rm(folder, { recursive: true }))
  const file = path.join(folder, 'mortise.yml')
  await writeFile(file, configurationOf(resources))
  const { endpoint, accessKey, secretAccessKey } = s3
  const places = { S3_ENDPOINT: endpoint, S3_ACCESS_KEY: accessKey, S3_SECRET_KEY: secretAccessKey }
  const variables = { ...trial, ...places, REDIS_URL: redis.url }
  const parts = stack.use(new AsyncDisposableStack())
  const start = async (role: RoleName) => {
    const args = argumentsOf(roleOf(resources, role).container, file)
    const listen = role === 'gateway' ? ['--listen', anyPort] : []
    return parts.use(await startServe([...args, ...listen], { env: variables }))
  }
  const [gateway, worker] = await Promise.all([start('gateway'), start('worker')])
  const owned = stack.move()
  return { gateway, worker, variables, start, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

/** A value for every variable that the configuration may name. */
export const trial: Record<string, string> = {
  THREADS: '2',
  REDIS_URL: 'redis://:password@redis:6379',
  S3_ENDPOINT: 'http://s3:9000',
  S3_REGION: 'us-east-1',
  S3_ORIGINALS: 'originals',
  S3_DERIVATIVES: 'derivatives',
  S3_ACCESS_KEY: 'storage',
  S3_SECRET_KEY: 'storage-secret',
  MEDIA_ACCESS_KEY: 'media',
  MEDIA_SECRET_KEY: 'media-secret',
  EVENTS_SECRET: 'a-secret-of-the-events',
}

export function configurationOf(resources: Resource[]): string {
  const text = resources.flatMap(({ data }) => data?.['mortise.yml'] ?? [])
  if (text.length !== 1) throw new Error(`found ${text.length} configurations`)
  return text[0]!
}

const anyPort = '127.0.0.1:0'

/** With a file and ports of this machine. */
function argumentsOf({ args = [] }: Container, file: string): string[] {
  return [...args.map(arg => (arg === '/etc/mortise/mortise.yml' ? file : arg)), '--internal', anyPort]
}
