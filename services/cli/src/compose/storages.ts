import type { Config, StorageConfig, StorageKind } from '@mortise/config'
import { MortiseError } from '@mortise/errors'
import type { Placeholder } from '@mortise/gateway'
import type { Storage } from '@mortise/storage'
import type { Metrics } from '@mortise/telemetry'
import { measureStorage } from './measure-storage.ts'
import { placeholderStorages } from './placeholder.ts'

export type Storages = AsyncDisposable & {
  /** By name as in a Plan, `<bucket>/<name>`. Throws `storage_unavailable` for one that is not configured. */
  get(name: string): Storage
  /** Those of the configuration. */
  entries(): IterableIterator<[name: string, storage: Storage]>
}

type Create = (config: StorageConfig) => Promise<Storage>

/** One line for each kind. A kind that is not configured is not loaded. */
const kinds: { [K in StorageKind]?: (config: Extract<StorageConfig, { kind: K }>) => Promise<Storage> } = {
  local: async config => (await import('@mortise/storage/local')).createLocalStorage(common(config)),
  'local-meta': async config => (await import('@mortise/storage/local-meta')).createLocalMetaStorage(common(config)),
  http: async config => (await import('@mortise/storage/http')).createHttpStorage(common(config)),
  memory: async () => (await import('@mortise/storage/memory')).createMemoryStorage({ maxBytes: memoryBytes }),
  noop: async () => (await import('@mortise/storage/noop')).createNoopStorage(),
  s3: async config => (await import('@mortise/storage/s3')).createS3Storage(common(config)),
}

/** What the `memory` kind, which is for tests and trials, may hold. */
const memoryBytes = 256 * 1024 * 1024

/** One storage for each entry of the configuration, for as long as the process lives: none is made by a request. */
export async function createStorages(
  config: Config,
  metrics: Metrics,
  placeholder: Placeholder | null,
): Promise<Storages> {
  const ours = new Map(placeholder ? await placeholderStorages(placeholder) : [])
  const storages = new Map<string, Storage>()
  for (const bucket of Object.values(config.buckets)) {
    for (const [name, settings] of Object.entries(bucket.storages)) {
      const create = (kinds[settings.kind] ?? refuse) as Create
      storages.set(
        `${bucket.name}/${name}`,
        measureStorage(await create(settings), metrics, { bucket: bucket.name, name }),
      )
    }
  }
  return {
    get(name) {
      const storage = storages.get(name) ?? ours.get(name)
      if (!storage) throw new MortiseError('storage_unavailable', `storage ${name}: not configured`)
      return storage
    },
    entries: () => storages.entries(),
    async [Symbol.asyncDispose]() {
      await Promise.allSettled([...storages.values(), ...ours.values()].map(storage => storage[Symbol.asyncDispose]()))
    },
  }
}

/** A kind of mort's that is not here: the file is accepted, and a request that needs it is told so. */
async function refuse({ kind }: StorageConfig): Promise<Storage> {
  const unsupported = async () => {
    throw new MortiseError('unsupported', `this version has no storage of the kind ${kind}`)
  }
  return {
    kind,
    get: unsupported,
    head: unsupported,
    put: unsupported,
    delete: unsupported,
    ping: unsupported,
    async [Symbol.asyncDispose]() {},
  }
}

/** `null` in the configuration is absent for an adapter. */
function common<T extends StorageConfig>(config: T) {
  return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== null)) as {
    [K in keyof T as null extends T[K] ? never : K]: T[K]
  } & { [K in keyof T as null extends T[K] ? K : never]?: NonNullable<T[K]> }
}
