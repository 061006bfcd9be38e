import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

it('a process that replaces itself hands over to the next, under the same pid', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'mortise-life-'))
  try {
    const file = path.join(folder, 'process.ts')
    const lifeCycle = new URL('life-cycle.ts', import.meta.url).href
    const script = `
      import { handedOver, restartInPlace } from '${lifeCycle}'
      console.log(process.pid + ' ' + handedOver())
      const times = handedOver().length
      if (times < 2) await restartInPlace(undefined, handedOver() + 'x')`
    await writeFile(file, script)
    const { stdout } = await promisify(execFile)(process.execPath, [file], { timeout: 20_000 })
    const [pid] = stdout.split(' ')
    expect(stdout).toBe(`${pid} \n${pid} x\n${pid} xx\n`)
  } finally {
    await rm(folder, { recursive: true })
  }
})
