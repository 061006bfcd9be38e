import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type Ended, runCommandIn } from '../command.ts'
import type { Resource } from './render.ts'
import { configurationOf, trial } from './site.ts'

/** What `mortise check` says of a configuration: the part that the tests look at. */
export type Meaning = {
  server: {
    listens: string[]
    internalListen: string
    requestTimeout: number
    worker: { graceSeconds: number }
  }
}

export async function meaningOf(resources: Resource[]): Promise<Meaning> {
  return JSON.parse((await check(resources, trial)).stdout).meaning
}

/** `mortise check --strict --json` of the rendered configuration. */
export async function check(resources: Resource[], env: Record<string, string | undefined>): Promise<Ended> {
  const folder = await mkdtemp(path.join(tmpdir(), 'mortise-check-'))
  try {
    const file = path.join(folder, 'mortise.yml')
    await writeFile(file, configurationOf(resources))
    return await runCommandIn({ env }, 'check', '--strict', '--json', file)
  } finally {
    await rm(folder, { recursive: true })
  }
}
