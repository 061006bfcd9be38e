import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import path from 'node:path'
import { photo } from '../fixtures/images.ts'

/** Everything is rendered by this many threads, in Mortise and in what stands beside it. */
export const threads = availableParallelism()

/** What the launcher sets for Mortise, for whatever stands beside it. */
export const environment = { ...process.env, UV_THREADPOOL_SIZE: String(threads * 2 + 4), MALLOC_ARENA_MAX: '2' }

export type Setting = AsyncDisposable & {
  folder: string
  /** A JPEG of 6 megapixels. */
  original: string
  /** A configuration with the bucket `bench`, empty of derivatives. */
  config(name: string): object
}

export async function createSetting(): Promise<Setting> {
  const folder = await mkdtemp(path.join(tmpdir(), 'mortise-bench-'))
  await mkdir(path.join(folder, 'bench'))
  const original = path.join(folder, 'bench', 'photo.jpg')
  await writeFile(original, await photo(3000, 2000))
  return {
    folder,
    original,
    config: name => ({
      server: { worker: { threads } },
      headers: [{ statusCodes: [200], values: { 'cache-control': 'public, max-age=3600' } }],
      buckets: {
        bench: {
          storages: {
            basic: { kind: 'local', rootPath: folder },
            transform: { kind: 'local-meta', rootPath: folder, bucket: `derivatives-${name}` },
          },
          transform: { kind: 'query' },
        },
      },
    }),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}

/** Widths that nobody has asked for before in this run. */
export function createWidths(): (count: number) => number[] {
  let next = 0
  // Spread evenly over 200 to 1000 px, so that every round has the same mix.
  return count => Array.from({ length: count }, () => 200 + ((next++ * 331) % 800))
}
