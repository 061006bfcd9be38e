import {
  type BucketConfig,
  type Config,
  type Listener,
  type RedisAddress,
  redact,
  type ServerConfig,
  type StorageConfig,
  type TransformConfig,
} from '@mortise/config'
import { describePresets, nameResultKey, type PresetDescription } from '@mortise/plan'

/** A configuration as a reader wants it: complete, in plain words and JSON, without secrets. */
export type Meaning = {
  server: Record<string, unknown>
  limits: Config['limits']
  security: Config['security']
  headers: Config['headers']
  buckets: BucketMeaning[]
}

export type BucketMeaning = {
  name: string
  /** Names of the access keys. */
  keys: string[]
  headers: Record<string, string>
  storages: StorageMeaning[]
  transform: TransformMeaning | null
  presets: PresetDescription[]
  glacier: BucketConfig['glacier']
  pregenerate: BucketConfig['pregenerate']
}

/** `where`: the folder, the address or the account; the container of the bucket is in it, or stands in `container`. */
export type StorageMeaning = { name: string; kind: string; where: string; container: string; options: string[] }

export type TransformMeaning = Omit<
  TransformConfig,
  'path' | 'presetKeys' | 'presets' | 'script' | 'tengoPath' | 'resultKey'
> & {
  path: string | null
  /** `digest`: one of ours, although the setting says otherwise. */
  resultKey: ReturnType<typeof nameResultKey>
  script: string | null
}

export function describeFile(config: Config): Meaning {
  // The same shape, with text in place of regexps and secrets.
  const { server, limits, security, headers, buckets } = redact(config) as Config
  return {
    server: describeServer(server),
    ...{ limits, security, headers },
    buckets: Object.values(buckets).map(describeBucket),
  }
}

function describeServer({ listens, internalListen, queue, cache, ...rest }: ServerConfig): Record<string, unknown> {
  const backend = queue.type === 'redis' ? { ...queue, address: printRedis(queue.address) } : queue
  return {
    listens: listens.map(printListener),
    internalListen: printListener(internalListen),
    ...rest,
    queue: queue.type === 'redis-cluster' ? { ...queue, addresses: queue.addresses.map(printRedis) } : backend,
    cache: { ...cache, addresses: cache.addresses.map(printRedis) },
  }
}

function describeBucket({
  name,
  keys,
  headers,
  storages,
  transform,
  glacier,
  pregenerate,
}: BucketConfig): BucketMeaning {
  return {
    name,
    keys: keys.map(({ accessKey }) => accessKey),
    headers,
    storages: Object.entries(storages).map(([as, storage]) => describeStorage(as, storage, name)),
    transform: transform && describeTransform(transform, storages),
    presets: transform ? describePresets(transform) : [],
    glacier,
    pregenerate,
  }
}

function describeTransform(transform: TransformConfig, storages: BucketConfig['storages']): TransformMeaning {
  const { path, presetKeys: _keys, presets: _presets, tengoPath, script, ...rest } = transform
  const resultKey = nameResultKey(transform, { storages })
  return { ...rest, resultKey, path: path && String(path), script: script?.path ?? tengoPath }
}

function describeStorage(name: string, storage: StorageConfig, bucket: string): StorageMeaning {
  const { kind, pathPrefix, headers } = storage
  const options = [
    ...(pathPrefix === '' ? [] : [`prefix ${pathPrefix}`]),
    ...('readonly' in storage && storage.readonly ? ['read only'] : []),
    ...('hideDotFiles' in storage && storage.hideDotFiles ? ['without names that begin with a dot'] : []),
    ...Object.entries(headers).map(([header, value]) => `${header}: ${value}`),
  ]
  return { name, kind, where: placeOf(storage), container: storage.bucket ?? bucket, options }
}

function placeOf(storage: StorageConfig): string {
  switch (storage.kind) {
    case 'local':
    case 'local-meta':
      return storage.rootPath
    case 's3':
      return storage.endpoint ?? `Amazon, ${storage.region}`
    case 'http':
      return storage.url
    case 'b2':
      return storage.b2Endpoint ?? storage.b2Region ?? ''
    case 'google':
      return storage.googleEndpoint ?? storage.googleProjectId
    case 'azure':
      return storage.azureEndpoint ?? storage.azureAccount
    case 'oracle':
      return storage.oracleAuthEndpoint
    case 'sftp':
      return `${storage.sftpHost}:${storage.sftpPort} ${storage.sftpBasePath}`
    case 'memory':
    case 'noop':
      return ''
  }
}

function printListener(listener: Listener): string {
  if ('path' in listener) return `unix:${listener.path}`
  const { host, port } = listener
  return `${host?.includes(':') ? `[${host}]` : (host ?? '')}:${port}`
}

function printRedis({ host, port, db, tls }: RedisAddress): string {
  return `${tls ? 'rediss' : 'redis'}://${host.includes(':') ? `[${host}]` : host}:${port}/${db}`
}
