import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import { type RedisServer, startRedis } from './servers/redis.ts'

const command = fileURLToPath(new URL('../services/cli/bin/mortise', import.meta.url))

export type RoleName = 'serve' | 'gateway' | 'worker'

/** A `mortise` process, as an operator would start it. */
export type Part = AsyncDisposable & {
  role: RoleName
  /** `http://127.0.0.1:PORT`; of a worker empty. */
  url: string
  internalUrl: string
  pid: number
  /** What it wrote, both streams. */
  output(): string
  kill(signal: NodeJS.Signals): void
  /** Resolves when it has ended: its exit code, or the signal that ended it. */
  ended: Promise<number | NodeJS.Signals | null>
  /** Ends it with SIGTERM, and with SIGKILL when that does not help. */
  stop(): Promise<void>
}

const readyMs = 30_000
const stopMs = 30_000

/** Starts a part and waits until it says that it is ready. Ports are chosen by the system; mort's metrics are shown. */
export async function startPart(role: RoleName, config: object, env: NodeJS.ProcessEnv = {}): Promise<Part> {
  const { server } = config as { server?: object }
  const folder = await mkdtemp(path.join(tmpdir(), 'mortise-part-'))
  const file = path.join(folder, 'mortise.yml')
  await writeFile(file, stringify({ ...config, server: { monitoring: 'prometheus', ...server } }))
  const listen = role === 'worker' ? [] : ['--listen', '127.0.0.1:0']
  return launch(role, [role, '--config', file, '--internal', '127.0.0.1:0', ...listen], {
    env,
    clean: () => rm(folder, { recursive: true, force: true }),
  })
}

/** `mortise serve FOLDER`, with its cache in `cache`. */
export function startFolder(folder: string, cache: string): Promise<Part> {
  return startServe(['serve', folder, '--cache', cache, '--listen', '127.0.0.1:0', '--internal', '127.0.0.1:0'])
}

/** `mortise` with these arguments, which make it one process that serves. `url` is of the first public listener. */
export function startServe(args: string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}): Promise<Part> {
  return launch('serve', args, { env: {}, ...options, clean: async () => {} })
}

async function launch(
  role: RoleName,
  args: string[],
  { env, cwd, clean }: { env: NodeJS.ProcessEnv; cwd?: string; clean(): Promise<void> },
): Promise<Part> {
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  const killWithUs = () => child.kill('SIGKILL')
  process.once('exit', killWithUs)
  const chunks: string[] = []
  const ended = new Promise<number | NodeJS.Signals | null>(resolve => {
    child.once('exit', (code, signal) => {
      process.off('exit', killWithUs)
      void clean().then(() => resolve(signal ?? code))
    })
  })
  const ready = await waitForReady(child, chunks, ended)
  const stop = async () => {
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), stopMs)
    await ended
    clearTimeout(timer)
  }
  return {
    role,
    ...ready,
    pid: child.pid ?? 0,
    output: () => chunks.join(''),
    kill: signal => void child.kill(signal),
    ended,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

async function waitForReady(child: ChildProcess, chunks: string[], ended: Promise<unknown>) {
  const { promise, resolve, reject } = Promise.withResolvers<{ url: string; internalUrl: string }>()
  const collect = (chunk: Buffer) => {
    chunks.push(chunk.toString())
    const text = chunks.join('')
    const line = /^mortise \w+: (?:listening on ([^,\s]+).*|waiting for jobs) \(internal: (\S+)\)$/m.exec(text)
    if (line) resolve({ url: line[1] ?? '', internalUrl: line[2] ?? '' })
    const folder = /^ {2}(http:\/\/[^/]+)\//m.exec(text)
    if (folder) resolve({ url: folder[1] ?? '', internalUrl: '' })
  }
  child.stdout?.on('data', collect)
  child.stderr?.on('data', collect)
  const timer = setTimeout(() => reject(new Error(`not ready in time: ${chunks.join('')}`)), readyMs)
  void ended.then(() => reject(new Error(`ended before it was ready: ${chunks.join('')}`)))
  try {
    return await promise
  } finally {
    clearTimeout(timer)
  }
}

export type Mode = 'embedded' | 'distributed'

/** What serves a spec: one process, or a gateway and a worker over Redis. */
export type Cluster = AsyncDisposable & {
  mode: Mode
  url: string
  /** Of the process that speaks HTTP. */
  gateway: Part
  /** The process that renders; the same one when embedded. */
  worker: Part
}

export async function startCluster(
  mode: Mode,
  config: { server?: object } & object,
  redis?: RedisServer,
): Promise<Cluster> {
  if (mode === 'embedded') {
    const part = await startPart('serve', config)
    return { mode, url: part.url, gateway: part, worker: part, [Symbol.asyncDispose]: part.stop }
  }
  const own = redis ? null : await startRedis()
  const { url } = redis ?? own ?? (await startRedis())
  const shared = withQueue(config, url)
  const [gateway, worker] = await Promise.all([startPart('gateway', shared), startPart('worker', shared)])
  return {
    mode,
    url: gateway.url,
    gateway,
    worker,
    async [Symbol.asyncDispose]() {
      await gateway.stop()
      await worker.stop()
      await own?.stop()
    },
  }
}

/** The configuration with its queue on that Redis. */
export function withQueue<T extends { server?: object }>(config: T, redisUrl: string, queue: object = {}) {
  return { ...config, server: { ...config.server, queue: { type: 'redis', address: [redisUrl], ...queue } } }
}
