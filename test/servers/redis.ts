import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'

export type RedisServer = AsyncDisposable & {
  host: string
  port: number
  url: string
  /** Ends it and deletes its folder. Idempotent. */
  stop(): Promise<void>
  /** `SIGSTOP` hangs it, `SIGCONT` lets it go on; others end it, and this waits until they have. */
  kill(signal: NodeJS.Signals): Promise<void>
  /** Starts it again on its port, without its data; ends it first if it runs. */
  restart(): Promise<void>
}

export type RedisOptions = {
  /** Further arguments of `redis-server`, for example `--cluster-enabled yes`. */
  args?: string[]
}

const host = '127.0.0.1'
const readyMs = 10_000
const run = promisify(execFile)

/** A real `redis-server` that keeps nothing on disk, ready to be used. It does not outlive this process. */
export async function startRedis({ args = [] }: RedisOptions = {}): Promise<RedisServer> {
  await ensureInstalled()
  const folder = await mkdtemp(join(tmpdir(), 'mortise-redis-'))
  const port = await freePort()
  let server = await launch(folder, port, args)
  // A test process that ends without its hooks leaves no server behind, not even a hanging one.
  const onExit = () => server.kill('SIGKILL')
  process.once('exit', onExit)

  async function end(signal: NodeJS.Signals) {
    if (hasEnded(server)) return
    const ended = new Promise(resolve => server.once('exit', resolve))
    server.kill(signal)
    await ended
  }

  async function stop() {
    process.off('exit', onExit)
    await end('SIGKILL')
    await rm(folder, { recursive: true, force: true })
  }

  return {
    host,
    port,
    url: `redis://${host}:${port}`,
    stop,
    async kill(signal) {
      if (signal !== 'SIGSTOP' && signal !== 'SIGCONT') return end(signal)
      server.kill(signal)
    },
    async restart() {
      await end('SIGKILL')
      server = await launch(folder, port, args)
    },
    [Symbol.asyncDispose]: stop,
  }
}

async function launch(folder: string, port: number, args: string[]): Promise<ChildProcess> {
  const fixed = ['--port', String(port), '--bind', host, '--dir', folder, '--save', '', '--appendonly', 'no']
  const server = spawn('redis-server', [...fixed, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  let output = ''
  const read = (chunk: Buffer) => {
    output = (output + chunk).slice(-4_000)
    if (output.includes('Ready to accept connections')) resolve()
  }
  server.stdout.on('data', read)
  server.stderr.on('data', read)
  server.once('error', reject)
  server.once('exit', code => reject(new Error(`redis-server ended with ${code}: ${output}`)))
  const timer = setTimeout(() => reject(new Error(`redis-server is not ready after ${readyMs} ms: ${output}`)), readyMs)
  try {
    await promise
    return server
  } catch (error) {
    server.kill('SIGKILL')
    throw error
  } finally {
    clearTimeout(timer)
  }
}

function hasEnded(server: ChildProcess): boolean {
  return server.exitCode !== null || server.signalCode !== null
}

async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>(resolve => probe.listen(0, host, resolve))
  const address = probe.address()
  await new Promise(resolve => probe.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no free port')
  return address.port
}

const advice = 'tests need redis-server on the PATH; install it, for example with "apt-get install redis-server"'
const lockFolder = join(tmpdir(), 'mortise-install-redis.lock')
const installMs = 240_000

/** Installs it where that needs no answer from anybody. Test processes that start together take turns. */
async function ensureInstalled(): Promise<void> {
  if (await isInstalled()) return
  const release = await takeLock()
  try {
    if (await isInstalled()) return
    const command = await installCommand()
    if (!command) throw new Error(advice)
    await run('sh', ['-c', command], { timeout: installMs })
    if (!(await isInstalled())) throw new Error(advice)
  } catch (cause) {
    throw new Error(advice, { cause })
  } finally {
    await release()
  }
}

function isInstalled(): Promise<boolean> {
  return succeeds('redis-server', ['--version'])
}

async function installCommand(): Promise<string | undefined> {
  if (await succeeds('brew', ['--version'])) return 'brew install redis'
  const isRoot = process.getuid?.() === 0
  if (!isRoot && !(await succeeds('sudo', ['-n', 'true']))) return undefined
  const sudo = isRoot ? '' : 'sudo -n '
  const apt = `${sudo}apt-get update -q && ${sudo}env DEBIAN_FRONTEND=noninteractive apt-get install -y -q redis-server`
  if (await succeeds('apt-get', ['--version'])) return apt
  if (await succeeds('apk', ['--version'])) return `${sudo}apk add --no-cache redis`
  if (await succeeds('dnf', ['--version'])) return `${sudo}dnf install -y redis`
  return undefined
}

async function succeeds(command: string, args: string[]): Promise<boolean> {
  return run(command, args, { timeout: 10_000 }).then(
    () => true,
    () => false,
  )
}

/** A folder is the lock, because making one is atomic. One that is older than any installation was left by a dead process. */
async function takeLock(): Promise<() => Promise<void>> {
  const deadline = Date.now() + 2 * installMs
  while (Date.now() < deadline) {
    const taken = await mkdir(lockFolder).then(
      () => true,
      () => false,
    )
    if (taken) return () => rm(lockFolder, { recursive: true, force: true })
    const age = await stat(lockFolder).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0,
    )
    if (age > installMs + 60_000) await rm(lockFolder, { recursive: true, force: true })
    else await sleep(500)
  }
  throw new Error(`waited too long for another process that installs redis-server (${lockFolder})`)
}
