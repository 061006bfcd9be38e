import { basename, dirname, resolve } from 'node:path'
import { ConfigError } from './issues.ts'
import { loadTree } from './load.ts'
import type { Config } from './types.ts'
import { parseYaml } from './yaml.ts'

export type FolderOptions = {
  /** Name of the bucket: the first part of every URL. */
  name: string
  /** The originals; only read. */
  folder: string
  /** Where derivatives are stored, in a folder with the name of the bucket. */
  cacheDir: string
}

/**
 * The configuration of `mortise serve FOLDER`: a bucket of the originals with the presets `thumb`, `small`, `medium` and
 * `large`, and with sizes by query. Throws {@link ConfigError} for a name that no bucket can have and for `/`.
 */
export function folderConfig({ name, folder, cacheDir }: FolderOptions): Config {
  const path = resolve(folder)
  if (basename(path) === '') throw new ConfigError([{ path: '', message: `expected a folder, found ${path}` }])
  const file = {
    headers: [{ statusCodes: [200], values: { 'Cache-Control': 'public, max-age=60' } }],
    buckets: { [name]: bucket({ name, path, cacheDir }) },
  }
  // JSON is YAML, so that a folder is held to the same rules as any file.
  const { tree } = parseYaml(JSON.stringify(file))
  return loadTree(tree, { env: {}, baseDir: process.cwd() }).config
}

function bucket({ name, path, cacheDir }: { name: string; path: string; cacheDir: string }) {
  return {
    storages: {
      // The folder itself is the container, so that its name in URLs is free.
      basic: { kind: 'local', rootPath: dirname(path), bucket: basename(path), readonly: true, hideDotFiles: true },
      transform: { kind: 'local-meta', rootPath: resolve(cacheDir) },
    },
    transform: {
      kind: 'presets-query',
      // Folders with other names than these are just folders.
      path: `^/(?P<presetName>${Object.keys(presets).join('|')})/(?P<parent>.+)$`,
      parentBucket: name,
      checkParent: true,
      presets,
    },
  }
}

const presets = {
  thumb: { filters: { crop: { width: 200, height: 200, gravity: 'smart' }, strip: true } },
  small: { filters: { thumbnail: { width: 320, enlarge: false }, strip: true } },
  medium: { filters: { thumbnail: { width: 768, enlarge: false }, strip: true } },
  large: { filters: { thumbnail: { width: 1600, enlarge: false }, strip: true } },
}
