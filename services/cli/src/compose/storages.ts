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

/** One entry for each kind. A kind that is not configured is not loaded. */
const kinds: { [K in StorageKind]: (config: Extract<StorageConfig, { kind: K }>) => Promise<Storage> } = {
  azure: async ({ azureAccount: account, azureKey: key, azureEndpoint: endpoint, ...config }) =>
    (await import('@mortise/storage/azure')).createAzureStorage(common({ ...config, account, key, endpoint })),
  b2: async ({ b2ApplicationKeyId: keyId, b2ApplicationKey, b2Region: region, b2Endpoint: endpoint, ...config }) =>
    (await import('@mortise/storage/b2')).createB2Storage(
      common({ ...config, keyId, applicationKey: b2ApplicationKey, region, endpoint }),
    ),
  google: async ({ googleConfigJson, googleProjectId, googleScopes: scopes, googleEndpoint: endpoint, ...config }) =>
    (await import('@mortise/storage/google')).createGoogleStorage(
      common({ ...config, configJson: googleConfigJson, projectId: googleProjectId, scopes, endpoint }),
    ),
  local: async config => (await import('@mortise/storage/local')).createLocalStorage(common(config)),
  'local-meta': async config => (await import('@mortise/storage/local-meta')).createLocalMetaStorage(common(config)),
  http: async config => (await import('@mortise/storage/http')).createHttpStorage(common(config)),
  memory: async () => (await import('@mortise/storage/memory')).createMemoryStorage({ maxBytes: memoryBytes }),
  noop: async () => (await import('@mortise/storage/noop')).createNoopStorage(),
  oracle: async config => (await import('@mortise/storage/oracle')).createOracleStorage(common(config)),
  s3: async config => (await import('@mortise/storage/s3')).createS3Storage(common(config)),
  sftp: async config => (await import('@mortise/storage/sftp')).createSftpStorage(common(config)),
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
      const storage = await createOrRefuse(settings)
      storages.set(`${bucket.name}/${name}`, measureStorage(storage, metrics, { bucket: bucket.name, name }))
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

/** As in mort, settings that a client cannot be made from fail its requests, not the start; `check` warns of them. */
async function createOrRefuse(settings: StorageConfig): Promise<Storage> {
  const { kind } = settings
  try {
    return await (kinds[kind] as Create)(settings)
  } catch (cause) {
    const refuse = async () => {
      throw new MortiseError('storage_unavailable', `storage of the kind ${kind}: its settings are of no use`, {
        cause,
      })
    }
    return {
      kind,
      get: refuse,
      head: refuse,
      put: refuse,
      delete: refuse,
      ping: refuse,
      async [Symbol.asyncDispose]() {},
    }
  }
}

/** `null` in the configuration is absent for an adapter. */
function common<T extends object>(config: T) {
  return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== null)) as {
    [K in keyof T as null extends T[K] ? never : K]: T[K]
  } & { [K in keyof T as null extends T[K] ? K : never]?: NonNullable<T[K]> }
}
