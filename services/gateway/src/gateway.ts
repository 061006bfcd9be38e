import type { RequestListener } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import type { Changes } from '@mortise/changes'
import type { Config } from '@mortise/config'
import type { ErrorCode } from '@mortise/errors'
import type { Planner } from '@mortise/plan'
import type { JobQueue } from '@mortise/queue'
import type { BatchQueue } from '@mortise/queue/batches'
import type { SharedCache } from '@mortise/response-cache'
import { createS3Auth } from '@mortise/s3-auth'
import type { Storage } from '@mortise/storage'
import { type Log, type Metrics, registerGauges } from '@mortise/telemetry'
import { createApp } from './app.ts'
import type { Archive } from './archive.ts'
import { createMemoryCache, type MemoryCache } from './cache/memory-cache.ts'
import { createResponses } from './cache/responses.ts'
import { createSharedResponses } from './cache/shared-responses.ts'
import { type Cloudinary, createCloudinary } from './cloudinary/cloudinary.ts'
import { createCompress } from './compress.ts'
import { createCors } from './cors.ts'
import { createDebug } from './debug.ts'
import { createDeliver } from './deliver.ts'
import { createEvents, type Events } from './events/events.ts'
import { createHitLane } from './hit-lane.ts'
import { createCodings } from './http/codings.ts'
import { createHeaderRules } from './http/fields.ts'
import { createAcceptReader, createVariants } from './http/negotiate.ts'
import { toOriginForm } from './http/origin-form.ts'
import { logged, observed } from './observe.ts'
import { createOpener } from './open.ts'
import { createOriginals } from './originals/originals.ts'
import { createPregenerate } from './originals/pregenerate.ts'
import { createRemoveDerivatives } from './originals/remove-derivatives.ts'
import { createPlaceholders, type Placeholder } from './placeholder.ts'
import { createReadAccess } from './read-access.ts'
import { createReports, type Reports } from './report.ts'
import { identify } from './request-id.ts'
import { createAccess } from './s3/access.ts'
import { withClientTags } from './s3/client-tags.ts'
import { createIntake } from './s3/intake.ts'
import { createS3, type S3, type S3Request } from './s3/s3.ts'
import type { Uploads } from './s3/uploads/uploads.ts'
import { createUnsent, type Unsent } from './unsent.ts'

export { type Archive, createArchive } from './archive.ts'
export { createJobs, type Jobs } from './jobs/jobs.ts'
export type { Placeholder } from './placeholder.ts'
export { type Check, createInternal } from './routes/internal.ts'
export { createUploads, type Uploads } from './s3/uploads/uploads.ts'
export { listen, type RunningServer } from './server.ts'

export type GatewayDeps = {
  config: Config
  planner: Planner
  queue: JobQueue
  batches: BatchQueue
  changes: Changes
  /** `null`: responses are kept in memory only. */
  sharedCache: SharedCache | null
  /** `null`: errors are told as they are. */
  placeholder: Placeholder | null
  /** By name as in a Plan. Throws `storage_unavailable` for one that is not configured. */
  storage(name: string): Storage
  uploads: Uploads
  archive: Archive
  log: Log
  metrics: Metrics
  /** Of Mortise, for the debug headers. */
  version: string
  /** Milliseconds since the epoch. */
  now(): number
}

/** Bytes of bodies in memory that clients have not taken yet; see `unsent.ts`. */
const maxUnsent = 256 * 1024 * 1024

/** The public request listener: the hit lane first, the application for everything else. */
export function createGateway(deps: GatewayDeps): RequestListener {
  const { config, planner, metrics, log } = deps
  const { server, limits, buckets } = config
  const { bytes: maxBytes, maxItemBytes, minUseCount } = server.cache
  const cache = createMemoryCache({ maxBytes, maxItemBytes, minUseCount })
  const headerRules = createHeaderRules(config.headers, buckets)
  const preferenceOf = createAcceptReader(planner.negotiable)
  const codings = createCodings(server.plugins.compress)
  const variantOf = createVariants(preferenceOf, codings)
  const unsent = createUnsent({ maxBytes: maxUnsent, onCut: count => metrics.slowReaders.inc(count) })
  const reports = createReports(deps)
  const requestTimeout = server.requestTimeout * 1000
  const shared = deps.sharedCache && createSharedResponses({ ...deps, shared: deps.sharedCache, cache })
  const placeholders =
    deps.placeholder && createPlaceholders({ ...deps, placeholder: deps.placeholder, timeout: requestTimeout })
  const deliver = createDeliver({
    ...deps,
    responses: createResponses({ cache, shared, metrics }),
    placeholders,
    headerRules,
    codings,
    settings: {
      requestTimeout,
      storageTimeout: server.worker.sourceTimeout * 1000,
      ttl: server.cache.ttl,
      // The other half is for those who wait.
      maxLater: Math.ceil(server.queue.maxWaiting / 2),
      redirectAbove: server.maxFileSize,
    },
  })
  const app = createApp({
    ...{ planner, deliver, cache, headerRules, preferenceOf, variantOf, unsent },
    cors: createCors(buckets),
    access: createReadAccess(buckets),
    ...createApis(deps, reports.refused),
    compress: createCompress({ config: server.plugins.compress, codings, cache }),
    debug: createDebug({
      allowed: config.security.debugHeaders,
      version: deps.version,
      kindOf: name => deps.storage(name).kind,
    }),
    maxTargetLength: limits.urlLength,
    maxWait: requestTimeout,
    onError: reports.refused,
  })
  const hits = metrics.cache.labels('hit')
  const hitLane = createHitLane({ cache, unsent, variantOf, onHit: () => hits.inc() })
  const application = getRequestListener(app.fetch, {
    errorHandler: reports.failed,
    // What nobody reads of a body is passed over by the server.
    autoCleanupIncoming: false,
  })
  registerMemoryGauges(metrics, cache, unsent)
  const handle = answerWith({ hitLane, application, reports, identifyAll: server.accessLogs })
  return observed(metrics, server.accessLogs ? logged(log, reports.reasonOf, handle) : handle)
}

/** The APIs that store originals, or tell of them, over the same storages and caches. */
function createApis(
  { config, uploads, archive, ...deps }: GatewayDeps,
  refused: Reports['refused'],
): { events: Events; s3: S3; cloudinary: Cloudinary } {
  const { planner, storage, now } = deps
  const { buckets, limits, security, server } = config
  const timeouts = { call: server.worker.sourceTimeout * 1000, all: server.requestTimeout * 1000 }
  const auth = createS3Auth({ anyRegion: security.anyRegion })
  const common = {
    ...{ buckets, planner, storage, now },
    originals: createOriginals({
      ...deps,
      removeDerivatives: createRemoveDerivatives({ planner, storage, timeouts }),
      pregenerate: createPregenerate(deps),
    }),
    uploadBytes: limits.uploadBytes,
    onError: (error: unknown, reply: { status: number; code: ErrorCode }, { target, requestId }: S3Request) =>
      refused(error, reply, { target, requestId }),
  }
  const tagged = (name: string) => withClientTags(storage(name))
  const s3 = createS3({
    ...{ ...common, storage: tagged, ...createIntake(limits), uploads, auth },
    access: createAccess(auth, buckets),
    opener: createOpener({ storage: tagged, archive, timeout: server.worker.sourceTimeout * 1000 }),
  })
  return {
    ...{ s3, cloudinary: createCloudinary({ ...common, ...createIntake(limits) }) },
    events: createEvents({ ...common, config, callTimeout: timeouts.call }),
  }
}

type Lanes = {
  hitLane: ReturnType<typeof createHitLane>
  application: ReturnType<typeof getRequestListener>
  reports: Reports
  /** A hit has no story that a log could tell; so it has no id, unless somebody asks for it. */
  identifyAll: boolean
}

function answerWith({ hitLane, application, reports, identifyAll }: Lanes): RequestListener {
  return (request, response) => {
    try {
      toOriginForm(request)
      if (identifyAll || request.headers['x-request-id'] !== undefined) identify(request, response)
      if (hitLane(request, response)) return
      identify(request, response)
      void application(request, response)
    } catch (error) {
      // No single response may end the process.
      reports.failed(error)
      response.destroy()
    }
  }
}

function registerMemoryGauges(metrics: Metrics, cache: MemoryCache, unsent: Unsent): void {
  registerGauges(metrics, [
    { name: 'mortise_cache_bytes', help: 'Bytes of cached responses', read: () => cache.stats().bytes },
    { name: 'mortise_cache_entries', help: 'Cached responses', read: () => cache.stats().entries },
    { name: 'mortise_cache_targets', help: 'Request targets known to the hit lane', read: () => cache.stats().targets },
    { name: 'mortise_unsent_bytes', help: 'Bytes in memory that clients are slow to take', read: () => unsent.bytes },
  ])
}
