import { spawn } from 'node:child_process'
import { mkdtemp, readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

export type ChildServer = {
  endpoint: string
  /** Ends the server and deletes its folder. */
  stop(): Promise<void>
}

/**
 * A server of its own on a free port, run in an empty folder, ready to be used. It ends with this process, however
 * that ends.
 */
export async function startChild(
  command: (port: number) => string[],
  isReady: (status: number) => boolean,
): Promise<ChildServer> {
  const folder = await mkdtemp(join(tmpdir(), 'mortise-server-'))
  const port = await freePort()
  // The shell ends when its input does, which the kernel closes even when this process is killed.
  const script = '"$@" >log 2>&1 & server=$!; read -r _; kill -9 $server; wait $server; rm -rf "$PWD"'
  const shell = spawn('sh', ['-c', script, 'sh', ...command(port)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    cwd: folder,
  })
  const ended = new Promise(resolve => shell.once('exit', resolve))
  const stop = async () => {
    shell.stdin.end()
    await ended
  }
  const endpoint = `http://127.0.0.1:${port}`
  for (const end = Date.now() + readyMs; ; await delay(50)) {
    const answer = await fetch(endpoint).catch(() => null)
    if (answer && isReady(answer.status)) return { endpoint, stop }
    if (Date.now() < end) continue
    const log = await readFile(join(folder, 'log'), 'utf8').catch(() => '')
    await stop()
    throw new Error(`a server was not ready within ${readyMs / 1000} s: ${log.slice(-1000)}`)
  }
}

const readyMs = 40_000

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise(resolve => server.close(resolve))
  if (typeof address !== 'object' || address === null) throw new Error('no free port')
  return address.port
}
