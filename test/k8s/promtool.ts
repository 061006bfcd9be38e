import { execFile } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const cacheFolder = path.join(process.env.XDG_CACHE_HOME || path.join(homedir(), '.cache'), 'mortise', 'bin')
const advice = 'tests of alerts need promtool on the PATH, or the package prometheus of Debian to take it from'

/** Prometheus' own tool, taken out of Debian's package without installing a server. `null` without one, but in CI it throws. */
export async function findPromtool(): Promise<string | null> {
  const cached = path.join(cacheFolder, 'promtool')
  for (const program of ['promtool', cached]) if (await works(program)) return program
  const cause = await fetchInto(cached).catch((error: unknown) => error)
  if (await works(cached)) return cached
  if (process.env.CI) throw new Error(advice, { cause })
  console.warn(advice)
  return null
}

async function fetchInto(file: string): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'mortise-promtool-'))
  try {
    const script = `
      apt-get download -q prometheus || { apt-get update -q && apt-get download -q prometheus; }
      dpkg -x prometheus_*.deb .`
    await run('sh', ['-ec', script], { cwd: folder, timeout: 240_000 })
    await mkdir(cacheFolder, { recursive: true })
    // In one step: another process may be looking for it.
    await copyFile(path.join(folder, 'usr/bin/promtool'), `${file}.${process.pid}`)
    await rename(`${file}.${process.pid}`, file)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function works(program: string): Promise<boolean> {
  return run(program, ['--version'], { timeout: 20_000 }).then(
    () => true,
    () => false,
  )
}
