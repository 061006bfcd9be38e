import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll } from 'vitest'

/** Containers of originals in a folder that is removed after the specs of the file. */
export type Site = {
  folder: string
  /** `name` begins with the container: `photos/trip/beach.jpg`. */
  write(name: string, bytes: Uint8Array | string): Promise<void>
  remove(name: string): Promise<void>
  /** A folder without derivatives, for one cluster after the other. */
  emptyStore(): Promise<Store>
}

export type Store = {
  /** Both storages of a bucket. Without a `container` originals lie under the name of their bucket. */
  storages(container?: string): { basic: object; transform: object }
  /** The files of the derivatives that are there, without those that tell where others are. */
  files(): Promise<string[]>
  /** How many derivatives are there. */
  count(): Promise<number>
}

export async function createSite(originals: Record<string, Uint8Array | string>): Promise<Site> {
  const folder = await mkdtemp(path.join(tmpdir(), 'mortise-site-'))
  afterAll(() => rm(folder, { recursive: true, force: true }))
  const site: Site = {
    folder,
    async write(name, bytes) {
      await mkdir(path.join(folder, path.dirname(name)), { recursive: true })
      await writeFile(path.join(folder, name), bytes)
    },
    remove: name => rm(path.join(folder, name)),
    async emptyStore() {
      const store = await mkdtemp(path.join(folder, 'derivatives-'))
      const files = async () => {
        const entries = await readdir(store, { recursive: true, withFileTypes: true })
        // What begins with a backslash is still being written.
        const written = entries.filter(entry => entry.isFile() && !entry.name.startsWith('\\'))
        const names = written.map(({ parentPath, name }) => path.join(parentPath, name))
        return names.filter(name => !name.includes('/.mortise/'))
      }
      return {
        storages: container => ({
          basic: { kind: 'local', rootPath: folder, ...(container ? { bucket: container } : {}) },
          transform: { kind: 'local-meta', rootPath: store },
        }),
        files,
        count: async () => (await files()).length,
      }
    },
  }
  for (const [name, bytes] of Object.entries(originals)) await site.write(name, bytes)
  return site
}
