import { execFileSync } from 'node:child_process'
import { mkdtemp, readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Part, startPart, withQueue } from '../cluster.ts'
import { photo } from '../fixtures/images.ts'
import { resultOf, signsOfACrash } from '../observe.ts'
import { startRedis } from '../servers/redis.ts'
import { get, metric } from '../specs/client.ts'
import { createSite } from '../specs/site.ts'
import { untilEqual } from '../until.ts'

/**
 * No file that this process writes can become larger from now on: a write breaks off in the middle, as on a full disk,
 * and nobody needs special rights for it.
 */
function limitFiles({ pid }: Part, bytes: number | 'unlimited'): void {
  execFileSync('prlimit', ['--pid', String(pid), `--fsize=${bytes}:unlimited`])
}

/** Names and bytes of everything in a folder, whatever it is. */
async function contentOf(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter(entry => !entry.isDirectory()).map(entry => path.join(entry.parentPath, entry.name))
  return Object.fromEntries(await Promise.all(files.map(async file => [file, await readFile(file, 'base64')])))
}

describe.runIf(process.platform === 'linux')('a full disk', async () => {
  const site = await createSite({ 'photos/cat.jpg': await photo(1200, 800) })

  /** With its original changed, a derivative that is there is to be replaced, and cannot be. */
  async function fillDisk(url: string, worker: Part, folder: string, result: string) {
    const width = (width: number) => get(`${url}/photos/cat.jpg?width=${width}`)
    const idle = () => untilEqual('jobs in hand', () => metric(worker, 'mortise_jobs_in_hand'), 0)
    expect(resultOf(await width(1000))).toBe('200')
    await idle()
    const before = await contentOf(folder)
    expect(Object.keys(before)).toHaveLength(1)

    await site.write('photos/cat.jpg', await photo(1200, 600))
    limitFiles(worker, 20_000)
    expect(resultOf(await width(1000))).toBe(result)
    await idle()
    expect(await contentOf(folder)).toEqual(before)
    expect(resultOf(await width(16))).toBe('200')
    await idle()
    expect(Object.keys(await contentOf(folder))).toHaveLength(2)

    limitFiles(worker, 'unlimited')
    expect(resultOf(await width(1000))).toBe('200')
    await idle()
    expect(await contentOf(folder)).not.toMatchObject(before)
    expect(worker.output()).not.toMatch(signsOfACrash)
    const warnings = worker.output().match(/^\{"level":"warn".*"derivatives cannot be stored"\}$/gm) ?? []
    const failures = await metric(worker, 'mortise_store_failures_total')
    expect(failures).toBeGreaterThan(0)
    expect(warnings.map(line => JSON.parse(line))).toEqual([
      expect.objectContaining({ storage: 'photos/transform', code: 'storage_unavailable', reason: expect.any(String) }),
    ])
  }

  async function prepare() {
    const folder = await mkdtemp(path.join(site.folder, 'derivatives-'))
    const storages = {
      basic: { kind: 'local', rootPath: site.folder },
      transform: { kind: 'local-meta', rootPath: folder },
    }
    return {
      folder,
      config: { server: {}, buckets: { photos: { storages, transform: { kind: 'query', checkParent: true } } } },
    }
  }

  it('costs nobody his picture where the picture does not travel through the storage', async () => {
    const { folder, config } = await prepare()
    await using part = await startPart('serve', config)
    await fillDisk(part.url, part, folder, '200')
  })

  it('is a 503 where it does', async () => {
    const { folder, config } = await prepare()
    await using redis = await startRedis()
    const shared = withQueue(config, redis.url, { inlineBytes: 0 })
    await using gateway = await startPart('gateway', shared)
    await using worker = await startPart('worker', shared)
    await fillDisk(gateway.url, worker, folder, '503 storage_unavailable')
  })
})
