import { execFile } from 'node:child_process'
import { chmod, copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, expect, it } from 'vitest'

const setup = fileURLToPath(new URL('../../services/cli/bin/setup', import.meta.url))
const root = await mkdtemp(path.join(tmpdir(), 'mortise-setup-'))
afterAll(() => rm(root, { recursive: true }))

/** Runs it in a project whose installation is known to work. */
async function run(): Promise<string> {
  const env = { ...process.env, PATH: `${path.join(root, 'tools')}:${process.env.PATH}` }
  const { stderr } = await promisify(execFile)('sh', [path.join(root, 'services/cli/bin/setup')], { env })
  return stderr
}

it('installs at the first start and when the lockfile has changed, and says which it is', async () => {
  for (const folder of ['services/cli/bin', 'node_modules', 'tools'])
    await mkdir(path.join(root, folder), { recursive: true })
  await copyFile(setup, path.join(root, 'services/cli/bin/setup'))
  await writeFile(path.join(root, 'tools/npx'), '#!/bin/sh\necho "run: $*"\n')
  await chmod(path.join(root, 'tools/npx'), 0o755)
  const lock = (text: string) => writeFile(path.join(root, 'pnpm-lock.yaml'), text)

  await lock('one')
  const install = /^mortise: installing .* \(first start only\)\nrun: .*install --frozen-lockfile\n$/
  expect(await run()).toMatch(install)
  expect(await run()).toBe('')
  await lock('two')
  expect(await run()).toMatch(/^mortise: installing .* \(it has changed since the last start\)\nrun: .*\n$/)
  expect(await run()).toBe('')
})
