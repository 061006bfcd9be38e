import { spawn } from 'node:child_process'
import { access, constants, mkdir } from 'node:fs/promises'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { type ChildServer, startChild } from './child.ts'

/** What is said when there is none, and none can be built. */
export const gcsAdvice =
  'tests of the kind google need fake-gcs-server on the PATH, or Go 1.26 and a module proxy to build it with'

/** An empty fake-gcs-server, which keeps everything in memory. */
export async function startGcs(binary: string): Promise<ChildServer & { createBucket(name: string): Promise<void> }> {
  const { endpoint, stop } = await startChild(
    port => [
      binary,
      '-scheme',
      'http',
      '-host',
      '127.0.0.1',
      '-port',
      String(port),
      '-public-host',
      '127.0.0.1',
      '-backend',
      'memory',
    ],
    () => true,
  )
  return {
    endpoint,
    stop,
    async createBucket(name) {
      const answer = await fetch(`${endpoint}/storage/v1/b`, { method: 'POST', body: JSON.stringify({ name }) })
      if (!answer.ok) throw new Error(`fake-gcs-server answered ${answer.status}`)
    },
  }
}

/**
 * The fake-gcs-server on the path or in the cache folder, where it is built once (about two minutes); `null` when there
 * is no Go that is new enough, or the build fails: without a network, for example.
 */
export async function findGcs(): Promise<string | null> {
  const folders = (process.env.PATH ?? '').split(delimiter).filter(folder => folder !== '')
  for (const folder of [...folders, cacheFolder]) {
    const binary = join(folder, 'fake-gcs-server')
    const runs = await access(binary, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (runs) return binary
  }
  return build()
}

const source = 'github.com/fsouza/fake-gcs-server@v1.56.1'

const cacheFolder = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'mortise', 'bin')

async function build(): Promise<string | null> {
  await mkdir(cacheFolder, { recursive: true })
  // The lock lets test files that start at the same time share one build.
  const script = `
    command -v go || exit 1
    if command -v flock; then exec 9>"$GOBIN/lock"; flock 9; fi
    test -x "$GOBIN/fake-gcs-server" || go install "$1"`
  const child = spawn('sh', ['-c', script, 'sh', source], {
    stdio: 'ignore',
    env: { ...process.env, GOBIN: cacheFolder },
  })
  const code = await new Promise(resolve => child.once('exit', resolve))
  return code === 0 ? join(cacheFolder, 'fake-gcs-server') : null
}
