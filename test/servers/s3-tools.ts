import { execFile } from 'node:child_process'
import { access, constants } from 'node:fs/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Clients of S3 that others wrote, by the absolute paths at which Debian has them. */
export type S3Tools = { rclone: string; s3cmd: string; aws: string }

const places: S3Tools = { rclone: '/usr/bin/rclone', s3cmd: '/usr/bin/s3cmd', aws: '/usr/bin/aws' }
const packages = ['rclone', 's3cmd', 'awscli']
const advice = `tests need the packages ${packages.join(', ')} of Debian; install them with "apt-get install ${packages.join(' ')}"`
const installMs = 300_000

/** Installs what is missing where root may do so without a question; `null` where not, but in CI it throws. */
export async function findS3Tools(): Promise<S3Tools | null> {
  if (await areThere()) return places
  const install = `apt-get update -q && apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=240 ${packages.join(' ')}`
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const cause = await run('sh', ['-c', install], { timeout: installMs, env }).catch((error: unknown) => error)
  if (await areThere()) return places
  if (process.env.CI) throw new Error(advice, { cause })
  return null
}

async function areThere(): Promise<boolean> {
  const found = await Promise.allSettled(Object.values(places).map(place => access(place, constants.X_OK)))
  return found.every(({ status }) => status === 'fulfilled')
}
