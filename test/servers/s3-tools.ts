import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { access, constants } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Clients of S3 that others wrote, by the absolute paths at which Debian has them. */
export type S3Tools = { rclone: string; s3cmd: string; aws: string; curl: string }

export type ToolName = keyof S3Tools

/** Where the tools go, and as whom. `home` is where they may keep something; aws reads `.aws-config` there. */
export type ToolTarget = { url: string; home: string; accessKey: string; secretAccessKey: string }

/** The tools with their target; what each needs to be told comes before the arguments that are given here. */
export type ToolCalls = {
  /** What it printed. Throws when it fails, or does not end within two minutes. */
  call(tool: ToolName, ...args: string[]): Promise<string>
  /** One to be killed; what it prints is lost. */
  start(tool: ToolName, ...args: string[]): ChildProcess
}

const places: S3Tools = {
  rclone: '/usr/bin/rclone',
  s3cmd: '/usr/bin/s3cmd',
  aws: '/usr/bin/aws',
  curl: '/usr/bin/curl',
}
const packages = ['rclone', 's3cmd', 'awscli', 'curl']
const advice = `tests need the packages ${packages.join(', ')} of Debian; install them with "apt-get install ${packages.join(' ')}"`
const installMs = 300_000
const callMs = 120_000
const maxOutput = 16 * 1024 * 1024

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

export function createToolCalls(tools: S3Tools, target: () => ToolTarget): ToolCalls {
  return {
    async call(tool, ...args) {
      const env = environment(target())
      const options = { env, timeout: callMs, maxBuffer: maxOutput }
      return (await run(tools[tool], [...ways(tool, target()), ...args], options)).stdout
    },
    start: (tool, ...args) =>
      spawn(tools[tool], [...ways(tool, target()), ...args], { env: environment(target()), stdio: 'ignore' }),
  }
}

async function areThere(): Promise<boolean> {
  const found = await Promise.allSettled(Object.values(places).map(place => access(place, constants.X_OK)))
  return found.every(({ status }) => status === 'fulfilled')
}

/** rclone and aws may not try again: a request that fails is to be seen. s3cmd has no option for that. */
function ways(tool: ToolName, { url, accessKey, secretAccessKey }: ToolTarget): string[] {
  const { host } = new URL(url)
  const all = {
    rclone: ['--config', '/dev/null', '--retries', '1', '--low-level-retries', '1', '--s3-upload-cutoff', '8M'],
    s3cmd: [
      ...['--no-ssl', `--host=${host}`, `--host-bucket=${host}`, '--region=mort', '--no-progress'],
      ...[`--access_key=${accessKey}`, `--secret_key=${secretAccessKey}`, '--config=/dev/null'],
    ],
    aws: ['--endpoint-url', url, '--no-cli-pager'],
    curl: ['--silent', '--show-error', '--fail'],
  }
  return all[tool]
}

/** Nothing else: a proxy or a certificate of this machine is not for them. */
function environment({ url, home, accessKey, secretAccessKey }: ToolTarget): NodeJS.ProcessEnv {
  return {
    PATH: '/usr/bin:/bin',
    HOME: home,
    AWS_CONFIG_FILE: path.join(home, '.aws-config'),
    LC_ALL: 'C.UTF-8',
    AWS_ACCESS_KEY_ID: accessKey,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_DEFAULT_REGION: 'mort',
    AWS_MAX_ATTEMPTS: '1',
    AWS_EC2_METADATA_DISABLED: 'true',
    RCLONE_CONFIG_M_TYPE: 's3',
    RCLONE_CONFIG_M_PROVIDER: 'Other',
    RCLONE_CONFIG_M_ACCESS_KEY_ID: accessKey,
    RCLONE_CONFIG_M_SECRET_ACCESS_KEY: secretAccessKey,
    RCLONE_CONFIG_M_ENDPOINT: url,
    RCLONE_CONFIG_M_REGION: 'mort',
  }
}
