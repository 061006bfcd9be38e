import { execFile } from 'node:child_process'
import { access, constants, readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import type { Part } from '../cluster.ts'
import { type ChildServer, startChild } from '../servers/child.ts'

const binary = '/usr/sbin/haproxy'
const advice = 'tests need the package haproxy of Debian; install it with "apt-get install haproxy"'
const installMs = 300_000

/**
 * The balancer of docker-compose.yml, by its own configuration, in front of these gateways instead of those that a name
 * leads to. Ready when one of them answers. Throws where HAProxy neither is nor can be installed.
 */
export async function startBalancer(gateways: Part[]): Promise<ChildServer> {
  await ensureInstalled()
  const text = await readFile(new URL('../../deploy/compose/haproxy.cfg', import.meta.url), 'utf8')
  const servers = gateways.map(({ url, internalUrl }, i) => {
    return `  server gateway${i + 1} ${new URL(url).host} port ${new URL(internalUrl).port}`
  })
  const command = (port: number) => {
    const replaced = [
      [/^ {2}bind :8080$/m, `  bind 127.0.0.1:${port}`],
      [/ port 8081 resolvers containers init-addr none$/m, ''],
      [/^ {2}server-template .*$/m, servers.join('\n')],
    ] as const
    const own = replaced.reduce((text, [pattern, by]) => {
      if (!pattern.test(text)) throw new Error(`haproxy.cfg has no ${pattern}`)
      return text.replace(pattern, by)
    }, text)
    return ['sh', '-c', 'printf %s "$1" >haproxy.cfg && exec "$2" -db -f haproxy.cfg', 'sh', own, binary]
  }
  return startChild(command, status => status !== 503)
}

/** What HAProxy says of the configuration as it is; empty when it takes it without a warning. */
export async function checkBalancer(): Promise<string> {
  await ensureInstalled()
  const file = new URL('../../deploy/compose/haproxy.cfg', import.meta.url).pathname
  return promisify(execFile)(binary, ['-c', '-dW', '-q', '-f', file]).then(
    ({ stderr }) => stderr,
    ({ stderr }) => `refused: ${stderr}`,
  )
}

async function ensureInstalled(): Promise<void> {
  if (await isThere()) return
  const options = '-y -q --no-install-recommends -o DPkg::Lock::Timeout=240'
  const install = `apt-get update -q && apt-get install ${options} haproxy`
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const cause = await promisify(execFile)('sh', ['-c', install], { timeout: installMs, env }).catch((e: unknown) => e)
  if (!(await isThere())) throw new Error(advice, { cause })
}

function isThere(): Promise<boolean> {
  return access(binary, constants.X_OK).then(
    () => true,
    () => false,
  )
}
