import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

export type SwiftServer = AsyncDisposable & {
  /** The settings of a storage that has its objects here. */
  storage: { oracleUsername: string; oraclePassword: string; oracleAuthEndpoint: string }
  createContainer(name: string): Promise<void>
  /** Makes every token bad. */
  forgetTokens(): Promise<void>
}

/**
 * OpenStack's own Swift, all of its servers in one process, with one disk that is a folder. From PyPI, kept in the cache
 * folder; it needs Python 3.10 or newer with pip. It ends with this process, however that ends.
 */
export async function startSwift(): Promise<SwiftServer> {
  const library = await findSwift()
  const folder = await mkdtemp(join(tmpdir(), 'mortise-swift-'))
  const script = fileURLToPath(new URL('swift-server.py', import.meta.url))
  const server = spawn('python3', ['-B', script, folder], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, PYTHONPATH: library },
  })
  const ended = new Promise(resolve => server.once('exit', resolve))
  const stop = async () => {
    server.stdin.end()
    await ended
    await rm(folder, { recursive: true, force: true })
  }
  try {
    const url = `http://127.0.0.1:${await nextLine(server)}`
    const login = { oracleUsername: 'photos:mortise', oraclePassword: 'secret', oracleAuthEndpoint: `${url}/auth/v1.0` }
    return {
      storage: login,
      async createContainer(name) {
        const headers = { 'x-auth-user': login.oracleUsername, 'x-auth-key': login.oraclePassword }
        const { headers: said } = await fetch(login.oracleAuthEndpoint, { headers })
        const token = { 'x-auth-token': said.get('x-auth-token')! }
        const made = await fetch(`${said.get('x-storage-url')}/${name}`, { method: 'PUT', headers: token })
        if (!made.ok) throw new Error(`container ${name}: Swift answered ${made.status}`)
      },
      async forgetTokens() {
        const done = nextLine(server)
        server.stdin.write('forget\n')
        await done
      },
      [Symbol.asyncDispose]: stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

const startMs = 30_000

async function nextLine({ stdout, stderr }: ChildProcess): Promise<string> {
  let said = ''
  const onError = (chunk: Buffer) => {
    said = (said + chunk).slice(-4_000)
  }
  stderr!.on('data', onError)
  const lines = createInterface({ input: stdout! })
  const timer = setTimeout(() => lines.close(), startMs)
  try {
    for await (const line of lines) return line
    throw new Error(`Swift did not answer within ${startMs} ms: ${said}`)
  } finally {
    clearTimeout(timer)
    lines.close()
    stdout!.resume()
    stderr!.off('data', onError).resume()
  }
}

const run = promisify(execFile)

const release = 'swift==2.38.3'

const cacheFolder = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'mortise')

/** The folder of its modules, filled when there is none. */
async function findSwift(): Promise<string> {
  const folder = join(cacheFolder, release.replace('==', '-'))
  if (await isFolder(folder)) return folder
  await mkdir(cacheFolder, { recursive: true })
  const half = await mkdtemp(`${folder}-`)
  try {
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--target', half, release]
    await run('python3', pip, { timeout: 240_000 })
    // Whoever comes second finds it there.
    await rename(half, folder).catch(() => {})
  } catch (cause) {
    throw new Error(`tests need ${release} from PyPI, for which they need python3 with pip`, { cause })
  } finally {
    await rm(half, { recursive: true, force: true })
  }
  return folder
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    found => found.isDirectory(),
    () => false,
  )
}
