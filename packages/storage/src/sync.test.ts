import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished, vi } from 'vitest'
import { createLocalStorage } from './local.ts'
import { createLocalMetaStorage } from './local-meta.ts'

const { fdatasync } = vi.hoisted(() => ({ fdatasync: vi.fn<(fd: number, done: () => void) => void>() }))

vi.mock('node:fs', async original => ({ ...(await original<typeof import('node:fs')>()), fdatasync }))

const rows: [name: string, create: typeof createLocalStorage, option?: boolean, object?: boolean, waits?: boolean][] = [
  ['local-meta', createLocalMetaStorage, undefined, undefined, true],
  ['local-meta', createLocalMetaStorage, undefined, false, false],
  ['local-meta', createLocalMetaStorage, false, undefined, false],
  ['local-meta', createLocalMetaStorage, false, true, true],
  // It keeps nothing by which a reader could tell a torn object from a whole one.
  ['local', createLocalStorage, undefined, false, true],
  ['local', createLocalStorage, false, undefined, false],
]
for (const [kind, create, option, object, waits] of rows) {
  it(`${kind} ${waits ? 'waits' : 'does not wait'} for the disk with sync ${option}, and ${object} for the object`, async () => {
    fdatasync.mockReset().mockImplementation((_, done) => done())
    const rootPath = await mkdtemp(join(tmpdir(), 'mortise-storage-'))
    onTestFinished(() => rm(rootPath, { recursive: true }))
    const storage = create({ rootPath, ...(option === undefined ? {} : { sync: option }) })
    const cat = { body: Buffer.from('cat'), size: 3, ...(object === undefined ? {} : { sync: object }) }
    await storage.put({ bucket: 'photos', key: '/cat.jpg' }, cat, new AbortController().signal)
    expect(fdatasync).toHaveBeenCalledTimes(waits ? 1 : 0)
  })
}
