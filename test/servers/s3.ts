import { spawn } from 'node:child_process'
import { access, constants, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { homedir, tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Client } from 'minio'
import S3rver from 's3rver'

export type S3Server = {
  /** `minio` or `s3rver`. */
  name: string
  endpoint: string
  accessKey: string
  secretAccessKey: string
  createBucket(name: string): Promise<void>
  /** Stops the server and deletes its data. */
  stop(): Promise<void>
}

/**
 * An empty S3 server of its own on a free port. MinIO where it is found or can be built with Go (once, about four
 * minutes, kept in the cache folder), else s3rver. It ends with this process, however that ends.
 */
export async function startS3Server(): Promise<S3Server> {
  const minio = await findMinio()
  return minio ? startMinio(minio) : startS3rver()
}

/** `env`: further variables, which are MinIO's settings. */
export async function startMinio(binary: string, env: NodeJS.ProcessEnv = {}): Promise<S3Server> {
  const folder = await mkdtemp(join(tmpdir(), 'mortise-minio-'))
  const port = await freePort()
  const endpoint = `http://127.0.0.1:${port}`
  // The shell ends when its input does, which the kernel closes even when this process is killed.
  const script = '"$@" >/dev/null 2>&1 & server=$!; read -r _; kill -9 $server; wait $server; rm -rf "$MORTISE_DATA"'
  const shell = spawn('sh', ['-c', script, 'sh', binary, 'server', folder, '--address', `127.0.0.1:${port}`], {
    stdio: ['pipe', 'ignore', 'ignore'],
    env: {
      ...process.env,
      MORTISE_DATA: folder,
      MINIO_ROOT_USER: keys.accessKey,
      MINIO_ROOT_PASSWORD: keys.secretAccessKey,
      MINIO_BROWSER: 'off',
      MINIO_UPDATE: 'off',
      ...env,
    },
  })
  const ended = new Promise(resolve => shell.once('exit', resolve))
  const stop = async () => {
    shell.stdin.end()
    await ended
  }
  try {
    await untilReady(`${endpoint}/minio/health/ready`)
  } catch (error) {
    await stop()
    throw error
  }
  return { name: 'minio', endpoint, ...keys, createBucket: bucketMaker(port), stop }
}

export async function startS3rver(): Promise<S3Server> {
  const directory = await mkdtemp(join(tmpdir(), 'mortise-s3rver-'))
  const server = new S3rver({ address: '127.0.0.1', port: 0, directory, silent: true, vhostBuckets: false })
  const { port } = await server.run()
  const stop = async () => {
    server.httpServer.closeAllConnections()
    await server.close()
    await rm(directory, { recursive: true, force: true })
  }
  const endpoint = `http://127.0.0.1:${port}`
  return { name: 's3rver', endpoint, ...s3rverKeys, createBucket: bucketMaker(port, s3rverKeys), stop }
}

/**
 * The MinIO on the path or in the cache folder, or else built there with Go, once. `null` when there is no Go that is
 * new enough, or the build fails (without a network, for example): but in CI it throws.
 */
export async function findMinio(): Promise<string | null> {
  const folders = (process.env.PATH ?? '').split(delimiter).filter(folder => folder !== '')
  for (const folder of [...folders, cacheFolder]) {
    const binary = join(folder, 'minio')
    const runs = await access(binary, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (runs) return binary
  }
  const built = await buildMinio()
  if (built || !process.env.CI) return built
  throw new Error('tests of S3 need MinIO on the PATH, or Go 1.24 and a module proxy to build it with')
}

const minioSource = 'github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c'

const cacheFolder = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'mortise', 'bin')

const keys = { accessKey: 'mortise', secretAccessKey: 'mortise-secret' }

/** The only keys that s3rver knows. */
const s3rverKeys = { accessKey: 'S3RVER', secretAccessKey: 'S3RVER' }

async function buildMinio(): Promise<string | null> {
  await mkdir(cacheFolder, { recursive: true })
  // The lock lets test files that start at the same time share one build.
  const script = `
    go version | grep -Eq 'go1\\.(2[4-9]|[3-9][0-9])' || exit 1
    if command -v flock; then exec 9>"$GOBIN/lock"; flock 9; fi
    test -x "$GOBIN/minio" || go install "$1"`
  const build = spawn('sh', ['-c', script, 'sh', minioSource], {
    stdio: 'ignore',
    env: { ...process.env, GOBIN: cacheFolder },
  })
  const code = await new Promise(resolve => build.once('exit', resolve))
  return code === 0 ? join(cacheFolder, 'minio') : null
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise(resolve => server.close(resolve))
  if (typeof address !== 'object' || address === null) throw new Error('no free port')
  return address.port
}

async function untilReady(url: string): Promise<void> {
  for (const end = Date.now() + 30_000; Date.now() < end; await delay(50)) {
    const answer = await fetch(url).catch(() => null)
    if (answer?.ok) return
  }
  throw new Error(`${url} was not ready within 30 s`)
}

function bucketMaker(port: number, { accessKey, secretAccessKey } = keys) {
  const region = 'us-east-1'
  const options = { endPoint: '127.0.0.1', port, useSSL: false, region, accessKey, secretKey: secretAccessKey }
  return (name: string) => new Client(options).makeBucket(name, region)
}
