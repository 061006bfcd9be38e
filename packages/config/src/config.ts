export { describeConfig, type SettingDescription } from './describe.ts'
export { type FolderOptions, folderConfig } from './folder.ts'
export { ConfigError, type ConfigIssue, printIssue, printPath } from './issues.ts'
export { parseListener } from './listener.ts'
export { type Loaded, type LoadOptions, loadConfig, loadConfigFile } from './load.ts'
export { redact } from './redact.ts'
export type {
  AccessKey,
  BucketConfig,
  CacheConfig,
  CompatWord,
  CompressConfig,
  Config,
  CorsConfig,
  Encoding,
  Filters,
  GlacierConfig,
  HeaderRule,
  KeyPart,
  LimitsConfig,
  Listener,
  NegotiatedFormat,
  PregenerateConfig,
  Preset,
  PresetKeys,
  QueueBackend,
  QueueConfig,
  RedisAddress,
  SecurityConfig,
  ServerConfig,
  StorageConfig,
  StorageKind,
  Thumbnail,
  TransformConfig,
  TransformKind,
  WorkerConfig,
} from './types.ts'
