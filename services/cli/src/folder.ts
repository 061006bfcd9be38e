import { hash } from 'node:crypto'
import { mkdir, opendir, realpath, stat } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Config, folderConfig } from '@mortise/config'
import { MortiseError } from '@mortise/errors'
import { roles } from './compose/role.ts'
import { type ListenOptions, run } from './start.ts'

const demo = fileURLToPath(new URL('../demo', import.meta.url))

export type FolderOptions = ListenOptions & { folder: string | undefined; cache: string | undefined }

/** A folder as a bucket: its absolute path, the name of the bucket, and the configuration. Makes the cache folder. */
export type Folder = { root: string; name: string; config: Config }

/** Serves a folder of pictures without a configuration, and says which URLs to try. */
export async function startFolder({ folder, cache, listen, internal }: FolderOptions): Promise<void> {
  const { root, name, config } = await readFolder({ folder, cache })
  const { addresses } = await run(roles.serve, config, {
    listen: listen ?? '127.0.0.1:8080',
    internal: internal ?? '127.0.0.1:8081',
  })
  const base = `${addresses[0]}/${encodeURIComponent(name)}`
  const picture = await findPicture(root)
  console.log(`Mortise serves ${root}\n`)
  if (picture === null) {
    console.log('No picture was found in it. Put one there, for example cat.jpg, and open\n')
    console.log(`  ${base}/small/cat.jpg`)
  } else {
    const url = picture.split('/').map(encodeURIComponent).join('/')
    for (const example of [`/thumb/${url}`, `/small/${url}`, `/${url}?width=300&format=webp`])
      console.log(`  ${base}${example}`)
  }
  console.log('\nCtrl+C stops it.')
}

export async function readFolder({ folder = demo, cache }: Pick<FolderOptions, 'folder' | 'cache'>): Promise<Folder> {
  const root = await readableFolder(folder)
  const name = bucketName(root)
  const cacheDir = await writableFolder(cache ?? defaultCache(root))
  return { root, name, config: folderConfig({ name, folder: root, cacheDir }) }
}

async function readableFolder(folder: string): Promise<string> {
  try {
    const root = await realpath(folder)
    if (!(await stat(root)).isDirectory()) throw new MortiseError('invalid_config', `${folder} is not a folder`)
    await (await opendir(root)).close()
    return root
  } catch (error) {
    if (error instanceof MortiseError) throw error
    throw new MortiseError('invalid_config', `cannot read the folder ${folder}: ${reason(error)}`)
  }
}

async function writableFolder(folder: string): Promise<string> {
  try {
    await mkdir(folder, { recursive: true })
    return await realpath(folder)
  } catch (error) {
    throw new MortiseError(
      'invalid_config',
      `cannot use the cache folder ${folder}: ${reason(error)}; choose one with --cache`,
    )
  }
}

function reason(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code
  const known: Record<string, string> = {
    ENOENT: 'it does not exist',
    EACCES: 'not permitted',
    ENOTDIR: 'a file is in the way',
    EROFS: 'read-only',
  }
  return known[code ?? ''] ?? code ?? 'unknown error'
}

/** The folder's own name, but for the few that a URL cannot have. */
function bucketName(root: string): string {
  const name = path.basename(root)
  return name === '' || name === '-' || /[\\\p{Cc}]/u.test(name) ? 'images' : name
}

function defaultCache(root: string): string {
  const { XDG_CACHE_HOME } = process.env
  const base = XDG_CACHE_HOME || path.join(os.homedir(), process.platform === 'darwin' ? 'Library/Caches' : '.cache')
  return path.join(base, 'mortise', `${path.basename(root)}-${hash('sha256', root).slice(0, 12)}`)
}

/** Entries looked at before the start gives up on finding an example. */
const maxEntries = 2000

/** The first picture of a folder, or of a folder in it; `null` when none turns up soon. */
async function findPicture(root: string): Promise<string | null> {
  const folders = ['']
  let seen = 0
  for (let folder = folders.shift(); folder !== undefined; folder = folders.shift()) {
    try {
      for await (const entry of await opendir(path.join(root, folder))) {
        if (++seen > maxEntries) return null
        // It is not served.
        if (entry.name.startsWith('.')) continue
        const name = folder === '' ? entry.name : `${folder}/${entry.name}`
        if (entry.isFile() && /\.(jpe?g|png|webp|avif|gif|tiff?)$/i.test(entry.name)) return name
        if (entry.isDirectory()) folders.push(name)
      }
    } catch {
      // Not ours to read: no example from there.
    }
  }
  return null
}
