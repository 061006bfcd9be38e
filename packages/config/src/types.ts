import type { RE2JS } from 're2js'

/**
 * The configuration: checked, complete and frozen. What is optional in the file and absent is `null` here. Records that
 * the file names freely (buckets, storages, presets, headers) have no prototype, so any name can be looked up in them.
 */
export type Config = {
  server: ServerConfig
  limits: LimitsConfig
  security: SecurityConfig
  /** Global rules, in order; the first whose status matches is applied. */
  headers: HeaderRule[]
  buckets: Record<string, BucketConfig>
}

export type BucketConfig = {
  name: string
  /** Who may write. Nobody, when empty. */
  keys: AccessKey[]
  /** Added to responses that lack them. */
  headers: Record<string, string>
  /** Always has `basic`. Without `transform` no derivative of this bucket can be stored. */
  storages: Record<string, StorageConfig>
  transform: TransformConfig | null
  glacier: GlacierConfig | null
  /** Who reads what without a signature: `originals` are refused, or `all` of it; `null`: nothing is. */
  private: 'originals' | 'all' | null
  cors: CorsConfig
  pregenerate: PregenerateConfig | null
}

/** Which derivatives an original gets when it is written, before anybody asks. */
export type PregenerateConfig = {
  /** At least one; names in `transform.presets`. */
  presets: readonly string[]
  /** Besides what a client without `Accept` gets, what those get who accept these. */
  formats: readonly NegotiatedFormat[]
}

export const negotiatedFormats = ['avif', 'webp'] as const

/** What plugins offer to clients that accept it. */
export type NegotiatedFormat = (typeof negotiatedFormats)[number]

/** What browsers are told about requests from pages of other origins. `null` stands for what mort says. */
export type CorsConfig = {
  /** `https://example.com`; `*` is any. Empty: any. */
  origins: readonly string[]
  /** Empty: those that read. */
  methods: readonly string[]
  headers: readonly string[]
  exposeHeaders: readonly string[]
  /** Seconds for which a browser may keep the answer; 0: as long as it likes. */
  maxAge: number
}

export type AccessKey = { accessKey: string; secretAccessKey: string }

export type HeaderRule = { statusCodes: number[]; override: boolean; values: Record<string, string> }

export type TransformKind =
  | 'query'
  | 'presets'
  | 'presets-query'
  | 'base64_presets'
  | 'cloudinary'
  | 'script'
  /** Known, and refused request by request: `script` is there in its place. */
  | 'tengo'

export type TransformConfig = {
  kind: TransformKind
  /** Compiled, unanchored. Never `null` for a kind that reads presets. */
  path: RE2JS | null
  /** Of the kinds whose URLs name presets: how. `null`: `path` does not tell. */
  presetKeys: PresetKeys | null
  /** A name in this bucket's `storages`. */
  parentStorage: string
  /** A name in `buckets`. */
  parentBucket: string | null
  checkParent: boolean
  resultKey: 'hash' | 'hashParent' | 'path'
  /** `hash` and `hashParent` are mort's own, so that what mort has stored is found. */
  mortKeys: boolean
  /** A format that the URL or the preset names is not replaced by one that the client accepts. */
  keepFormat: boolean
  /** What is done as mort does it, although Mortise does it differently. */
  compat: readonly CompatWord[]
  presets: Record<string, Preset>
  /** Absolute. */
  tengoPath: string | null
  /** Of the kind `script`: its absolute path, and its text as it was at start. */
  script: { path: string; source: string } | null
}

/**
 * `path` read backwards: forms of a key that names a preset, of which the first that `path` reads as it was meant holds.
 * Texts are as they are in the key.
 */
export type PresetKeys = {
  forms: readonly (readonly KeyPart[])[]
  /** What the group `presetName` takes, anchored. */
  presetName: RE2JS
}

export type KeyPart = { text: string } | { group: 'presetName' | 'parent' }

export const compatWords = ['watermark-position', 'merge-sets', 'integer-ratio', 'still-gif'] as const

/**
 * watermark-position: the column of a watermark follows the word for its row.
 * merge-sets: the transforms of a chain are merged into one, with what is lost on the way.
 * integer-ratio: `preserveAspectRatio` chooses the side by whole quotients.
 * still-gif: GIF is read but not written, and only the first frame counts.
 */
export type CompatWord = (typeof compatWords)[number]

/** As written: a preset with values that cannot work is refused request by request, not at start, as in mort. */
export type Preset = {
  /** 0 when not given. Outside 1 to 100 it has no effect. */
  quality: number
  /** Empty when not given. */
  format: string
  filters: Filters
}

/** Sizes in px; 0 when not given. */
export type Filters = {
  thumbnail: Thumbnail | null
  crop: { width: number; height: number; gravity: string; mode: string; embed: boolean } | null
  extract: { width: number; height: number; top: number; left: number } | null
  resizeCropAuto: { width: number; height: number } | null
  blur: { sigma: number; minAmpl: number } | null
  watermark: { image: string; position: string; opacity: number } | null
  /** Degrees clockwise. Anything but 0, 90, 180 and 270 has no effect. */
  rotate: { angle: number } | null
  interlace: boolean
  strip: boolean
  grayscale: boolean
}

export type Thumbnail = {
  width: number
  height: number
  /** `outbound`, or anything else. */
  mode: string
  preserveAspectRatio: boolean
  fill: boolean
  /** `false`: never larger than the original. `null`: as mort. */
  enlarge: boolean | null
}

type StorageBase = {
  /** Put before every key. */
  pathPrefix: string
  /** The container; `null` for the bucket that the object belongs to. */
  bucket: string | null
  /** Sent with requests (http), set on what is stored (all others). */
  headers: Record<string, string>
}

/** A storage; which settings it has is decided by its kind. Texts are empty when not given. */
export type StorageConfig = StorageBase &
  (
    | { kind: 'local'; rootPath: string; readonly: boolean; hideDotFiles: boolean }
    | { kind: 'local-meta'; rootPath: string; readonly: boolean; hideDotFiles: boolean }
    | { kind: 'memory' }
    | { kind: 'noop' }
    | {
        kind: 's3'
        accessKey: string
        secretAccessKey: string
        region: string
        /** `null`: Amazon's own for the region. */
        endpoint: string | null
        HTTPTracing: boolean
      }
    | { kind: 'http'; url: string }
    | {
        kind: 'b2'
        b2Account: string
        b2ApplicationKey: string
        b2ApplicationKeyId: string
        /** One of these two is there. */
        b2Region: string | null
        b2Endpoint: string | null
      }
    | {
        kind: 'google'
        googleConfigJson: string
        googleProjectId: string
        googleScopes: string[]
        googleEndpoint: string | null
      }
    | { kind: 'azure'; azureAccount: string; azureKey: string; azureEndpoint: string | null }
    | { kind: 'oracle'; oracleUsername: string; oraclePassword: string; oracleAuthEndpoint: string }
    | {
        kind: 'sftp'
        sftpHost: string
        sftpPort: string
        sftpUsername: string
        sftpPassword: string
        sftpPrivateKey: string
        sftpPrivateKeypassphrase: string
        sftpHostPublicKey: string
        sftpBasePath: string
      }
  )

export type StorageKind = StorageConfig['kind']

export type GlacierConfig = {
  enabled: boolean
  restoreTier: 'Expedited' | 'Standard' | 'Bulk'
  /** 1 to 30 */
  restoreDays: number
  retryAfterSeconds: number
}

/** `host` is `null` for all interfaces; `path` is a unix socket. */
export type Listener = { host: string | null; port: number } | { path: string }

export type ServerConfig = {
  /** At least one. */
  listens: Listener[]
  internalListen: Listener
  logLevel: 'debug' | 'info'
  accessLogs: boolean
  monitoring: 'prometheus' | 'none'
  /** Seconds that a request for a derivative may take. */
  requestTimeout: number
  /** Shown by the internal listener; only of a queue on Redis. */
  dashboard: boolean
  /** `null`: notifications of S3 are not heard. */
  events: { secret: string | null }
  /** Absolute path, or a URL when it starts with `http`. */
  placeholder: string | null
  /** Bytes above which a download is answered with a redirect; 0 = never. */
  maxFileSize: number
  plugins: { webp: boolean; avif: boolean; compress: CompressConfig | null }
  cache: CacheConfig
  queue: QueueConfig
  worker: WorkerConfig
  /** `null` when switched off. Minutes. */
  idleCleanup: { idleTimeoutMin: number; aggressiveGC: boolean } | null
}

export type Encoding = { types: string[]; level: number }
export type CompressConfig = { gzip: Encoding | null; brotli: Encoding | null; zstd: Encoding | null }

export type CacheConfig = {
  type: 'memory' | 'redis' | 'redis-cluster'
  addresses: RedisAddress[]
  /** Bytes that the cache of one process may hold. */
  bytes: number
  /** Bytes of the largest body that is cached. */
  maxItemBytes: number
  /** Seconds that a derivative without any `Cache-Control` is cached; 0 = not at all. */
  ttl: number
  /** A response is cached from this use on. */
  minUseCount: number
  /** Of Redis. Milliseconds. */
  client: {
    connectTimeout: number
    readTimeout: number
    writeTimeout: number
    /** How often a command is sent again after its connection broke. */
    maxRetries: number
  }
}

export type RedisAddress = {
  host: string
  port: number
  username?: string
  password?: string
  db: number
  tls: boolean
}

export type QueueConfig = {
  /** Distinct derivatives for which one process waits; beyond it `overloaded`. */
  maxWaiting: number
  /** Originals whose derivatives wait to be made ahead of time, over all processes; beyond it `overloaded`. */
  maxBackground: number
  /** Tries of one job, the first included. */
  attempts: number
  /** Bytes up to which a result travels back through the queue. */
  inlineBytes: number
  /** Seconds for which the queue keeps a result. */
  resultTtl: number
  /** Milliseconds after which a job of a silent worker is lost to it. */
  lockDuration: number
  /** Milliseconds between two looks for lost jobs. */
  stalledInterval: number
} & QueueBackend

export type QueueBackend =
  | { type: 'memory' }
  | { type: 'redis'; prefix: string; address: RedisAddress; setting: QueueSetting }
  | { type: 'redis-cluster'; prefix: string; addresses: RedisAddress[]; setting: QueueSetting }

/** Where in the file the address of the queue is. */
export type QueueSetting = 'server.queue.address' | 'server.lock.address'

export type WorkerConfig = {
  /** Renders at one time; 0 = one for each available core. */
  threads: number
  /** Seconds for jobs in hand to finish at shutdown. */
  graceSeconds: number
  /** Seconds for a storage to open an object (gateways too), to give a whole original, to take a derivative. */
  sourceTimeout: number
}

export type LimitsConfig = {
  /** Bytes of an original that is to be decoded. */
  inputBytes: number
  /** width x height x frames of an original */
  inputPixels: number
  /** px, either side of a derivative */
  outputSide: number
  /** width x height x frames of a derivative */
  outputPixels: number
  /** width x height of an AVIF */
  avifPixels: number
  /** Seconds of processing in one pipeline. */
  renderSeconds: number
  /** Bytes of pixels and files in flight over all renders; 0 = computed from the memory of the machine. */
  memory: number
  /** Characters of a request target. */
  urlLength: number
  /** Bytes of one upload; of several parts, of each. */
  uploadBytes: number
  /** Days after which an upload in parts that nobody completed is given up. */
  uploadDays: number
  /** Uploads at one time, of each API. */
  uploadsAtOnce: number
  /** Bytes per second that an upload has to bring on average. */
  uploadRate: number
  /** Seconds that an upload may be behind that. */
  uploadGrace: number
}

export type SecurityConfig = {
  /** What the service fetches because a URL or a preset names it. */
  fetch: {
    /** Addresses and networks (CIDR) that may be fetched from although they are private. */
    networks: string[]
    /** Bytes of one answer. */
    bytes: number
    /** Seconds for one answer, redirects included. */
    timeout: number
    /** Redirects that are followed. */
    redirects: number
  }
  /** `allow`: as originals, and as watermarks that a preset names. `originals`: as originals only. */
  svg: 'allow' | 'originals' | 'refuse'
  /** `X-Mort-Debug` is answered. */
  debugHeaders: boolean
  /** S3 signatures may name any region; else only `mort`. */
  anyRegion: boolean
}
