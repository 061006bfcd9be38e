import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { HeadObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { type ChildServer, startChild } from './child.ts'

export type MotoServer = ChildServer & {
  /** The settings of a storage that has its objects here. */
  storage: { endpoint: string; accessKey: string; secretAccessKey: string }
  createContainer(name: string): Promise<void>
  put(container: string, key: string, body: Uint8Array, storageClass: string): Promise<void>
  /** What `x-amz-restore` says; `undefined` when nobody has begun to restore the object. */
  restoreOf(container: string, key: string): Promise<string | undefined>
  /** `hold`: restores stay where they are. `step`: each look at an object takes its restore one step: begun, done. */
  restores(how: 'hold' | 'step'): Promise<void>
}

const run = promisify(execFile)

/** moto's server, which has the archives of S3. It ends with this process, however that ends. */
export async function startMoto(library: string): Promise<MotoServer> {
  const command = ['env', `PYTHONPATH=${library}`, 'python3', '-B', '-m', 'moto.server', '-H', '127.0.0.1', '-p']
  const server = await startChild(
    port => [...command, String(port)],
    status => status === 200,
  )
  const storage = { endpoint: server.endpoint, accessKey: 'mortise', secretAccessKey: 'secret' }
  const credentials = { accessKeyId: storage.accessKey, secretAccessKey: storage.secretAccessKey }
  const client = new S3Client({ endpoint: server.endpoint, region: 'us-east-1', forcePathStyle: true, credentials })
  return {
    ...server,
    storage,
    async createContainer(name) {
      const made = await fetch(`${server.endpoint}/${name}`, { method: 'PUT' })
      if (!made.ok) throw new Error(`container ${name}: moto answered ${made.status}`)
    },
    async put(Bucket, Key, Body, storageClass) {
      const StorageClass = storageClass as 'GLACIER'
      await client.send(new PutObjectCommand({ Bucket, Key, Body, StorageClass, ContentType: 'image/jpeg' }))
    },
    async restoreOf(Bucket, Key) {
      return (await client.send(new HeadObjectCommand({ Bucket, Key }))).Restore
    },
    async restores(how) {
      const transition = { progression: 'manual', times: how === 'hold' ? 1e9 : 0 }
      const said = await fetch(`${server.endpoint}/moto-api/state-manager/set-transition`, {
        method: 'POST',
        body: JSON.stringify({ model_name: 's3::keyrestore', transition }),
      })
      if (!said.ok) throw new Error(`restores: moto answered ${said.status}`)
    },
    async stop() {
      client.destroy()
      await server.stop()
    },
  }
}

const release = '5.2.5'
/** Its server alone: what all of its extras need is three times as large. */
const packages = [`moto[s3]==${release}`, 'flask==3.1.3', 'flask-cors==6.0.5']

const cacheFolder = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'mortise')

/** The folder of its modules, filled from PyPI when there is none; `null` where that fails, but in CI it throws. */
export async function findMoto(): Promise<string | null> {
  const folder = join(cacheFolder, `moto-${release}`)
  if (await isFolder(folder)) return folder
  await mkdir(cacheFolder, { recursive: true })
  const half = await mkdtemp(`${folder}-`)
  try {
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--target', half, ...packages]
    await run('python3', pip, { timeout: 240_000 })
    // Whoever comes second finds it there.
    await rename(half, folder).catch(() => {})
    return folder
  } catch (cause) {
    const advice = `tests need moto ${release} from PyPI, for which they need python3 (3.10 or newer) with pip`
    if (process.env.CI) throw new Error(advice, { cause })
    console.warn(advice)
    return null
  } finally {
    await rm(half, { recursive: true, force: true })
  }
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    found => found.isDirectory(),
    () => false,
  )
}
