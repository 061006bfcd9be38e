import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const command = fileURLToPath(new URL('../services/cli/bin/mortise', import.meta.url))

export type Ended = { code: number | null; stdout: string; stderr: string }

/** Runs `mortise` with arguments with which it ends by itself. */
export function runCommand(...args: string[]): Promise<Ended> {
  return runCommandIn({}, ...args)
}

/** The same in another folder, or with more variables; one that is `undefined` is not set. */
export async function runCommandIn(
  { cwd, env }: { cwd?: string; env?: NodeJS.ProcessEnv },
  ...args: string[]
): Promise<Ended> {
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 30_000,
  })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', chunk => {
    stdout += chunk
  })
  child.stderr.on('data', chunk => {
    stderr += chunk
  })
  const code = await new Promise<number | null>(resolve => child.once('close', resolve))
  return { code, stdout, stderr }
}
