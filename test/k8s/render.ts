import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { parseAllDocuments } from 'yaml'

/** An object as it is sent to Kubernetes. */
export type Resource = {
  apiVersion: string
  kind: string
  metadata: { name: string; namespace?: string; labels?: Record<string, string> }
  /** As its kind has it; the schemas prove that. */
  spec?: unknown
  data?: Record<string, string>
}

/** A command that renders the folder that comes behind it. */
export type Kustomize = [program: string, ...args: string[]]

const run = promisify(execFile)
const folder = fileURLToPath(new URL('../../k8s/', import.meta.url))
const advice = 'tests of k8s/ need kubectl on the PATH, or Go with a module proxy to build kustomize with'

/** `kubectl kustomize`, or what is inside of it, built once with Go and kept in the cache folder. `null` without either, but in CI it throws. */
export async function findKustomize(): Promise<Kustomize | null> {
  const commands: Kustomize[] = [
    ['kubectl', 'kustomize'],
    ['kustomize', 'build'],
    [join(cacheFolder, 'kustomize'), 'build'],
  ]
  for (const command of commands) if (await works(command)) return command
  const cause = await build().catch((error: unknown) => error)
  const [, , built] = commands
  if (built && (await works(built))) return built
  if (process.env.CI) throw new Error(advice, { cause })
  console.warn(advice)
  return null
}

/** `name`: of a folder in k8s/. */
export async function render([program, ...args]: Kustomize, name: string): Promise<Resource[]> {
  const { stdout } = await run(program, [...args, join(folder, name)], { maxBuffer: 16 * 1024 * 1024 })
  return parseAllDocuments(stdout).map(document => document.toJS() as Resource)
}

const source = 'sigs.k8s.io/kustomize/kustomize/v5@v5.8.1'
const cacheFolder = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'mortise', 'bin')

async function build(): Promise<void> {
  await mkdir(cacheFolder, { recursive: true })
  // The lock lets test files that start at the same time share one build.
  const script = `
    if command -v flock; then exec 9>"$GOBIN/lock"; flock 9; fi
    test -x "$GOBIN/kustomize" || go install "$1"`
  const env = { ...process.env, GOBIN: cacheFolder }
  await run('sh', ['-c', script, 'sh', source], { env, timeout: 240_000 })
}

async function works([program, ...args]: Kustomize): Promise<boolean> {
  return run(program, [...args, '--help'], { timeout: 20_000 }).then(
    () => true,
    () => false,
  )
}
