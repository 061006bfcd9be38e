import { resolve } from 'node:path'
import { parseListener, sameListener } from '../listener.ts'
import type { Report } from '../report.ts'
import type { Listener, QueueConfig, RedisAddress, ServerConfig } from '../types.ts'
import { cache, checkCache, resolveCache } from './cache.ts'
import { checkPlugins, plugins, resolvePlugins } from './plugins.ts'
import { checkQueue, lock, queue, resolveQueue } from './queue.ts'
import { checkRedis } from './redis.ts'
import { list, optionalSection, section } from './section.ts'
import { bool, int, type Output, parsed, text } from './setting.ts'

const expected = 'host:port, :port or unix:/path'

function listener(text: string, port: number) {
  return parsed(text, parseListener, {
    expected,
    fallback: { host: null, port } satisfies Listener,
    printed: `:${port}`,
  })
}

export const server = section(
  {
    listen: listener('Public address: `host:port`, `:port` or `unix:/path`. Not used when `listens` has any.', 8080),
    listens: list(parsed('An address.', parseListener, { expected, fallback: null }), 'Public addresses.'),
    internalListen: listener('Address for health, metrics and operation.', 8081),
    logLevel: text('`debug`: also why each request was refused; or anything else.', 'prod'),
    accessLogs: bool('One log line for each request, with the reason if it was refused.'),
    monitoring: text('`prometheus`: `/metrics` has the series of mort as well, by their names.'),
    requestTimeout: int('Seconds that a request for a derivative may take.', { default: 60, min: 1, unset: [0] }),
    lockTimeout: int('Has no effect: `requestTimeout` limits every wait.', { default: 30 }),
    concurrentImageProcessing: int('Has no effect: see `worker.threads` and `queue.maxWaiting`.', { default: 100 }),
    dashboard: bool('Ours. The internal listener shows the queue in Redis below `/dashboard`.'),
    events: section(
      {
        secret: parsed('What the sender proves itself with; without it nobody is heard.', readSecret, {
          expected: 'at least 16 letters, digits and signs, without spaces',
          secret: true,
          fallback: null,
        }),
      },
      'Ours. `POST /-/events/s3`: notifications of S3 or MinIO about objects that others have written or deleted.',
    ),
    placeholder: text('Path or URL of an image that is sent instead of an error.'),
    maxFileSize: int('Bytes above which a download is answered with a redirect; 0 = never.', { min: 0 }),
    plugins,
    cache,
    lock,
    queue,
    worker: section(
      {
        threads: int('Renders at one time; 0 = one for each available core.', { min: 0, max: 1024 }),
        graceSeconds: int('Seconds for jobs in hand to finish at shutdown.', { default: 25, min: 0, max: 3600 }),
        sourceTimeout: int('Seconds for a storage to open an object, to give an original, to take a derivative.', {
          default: 10,
          min: 1,
          max: 3600,
        }),
      },
      'Ours. The part that makes derivatives.',
    ),
    idleCleanup: optionalSection(
      {
        enabled: bool('Has no effect: between renders libvips keeps nothing here that could be cleaned up.'),
        idleTimeoutMin: int('Has no effect. Minutes, at least 5.', { default: 15, unset: [0] }),
        aggressiveGC: bool('Has no effect.'),
      },
      'Clean up when there was nothing to do for a while.',
    ),
  },
  'The processes.',
)

/** MinIO sends something else when there are spaces in it. */
function readSecret(text: string): string | null {
  return /^[!-~]{16,}$/.test(text) ? text : null
}

type ServerSection = Output<typeof server>

export function checkServer(server: ServerSection, report: Report): void {
  const { internalListen, monitoring, idleCleanup } = server
  server.listens.forEach((listener, index) => {
    const same = server.listens.findIndex(other => listener && other && sameListener(listener, other))
    if (same !== -1 && same < index)
      report.mistake(['listens', index], `expected another address than that of listens[${same}], found the same`)
  })
  if (listenersOf(server).some(listener => sameListener(listener, internalListen))) {
    report.mistake(['internalListen'], 'expected an address of its own, found one of the public listeners')
  }
  if (monitoring !== '' && monitoring !== 'prometheus') {
    report.warn(['monitoring'], 'expected prometheus or nothing, found another; nothing is used')
  }
  if (idleCleanup?.enabled && idleCleanup.idleTimeoutMin < 5) {
    report.mistake(
      ['idleCleanup', 'idleTimeoutMin'],
      `expected at least 5 minutes, found ${idleCleanup.idleTimeoutMin}`,
    )
  }
  checkPlugins(server.plugins, report.below('plugins'))
  checkCache(server.cache, report.below('cache'))
  checkRedis(server.lock, report.below('lock'))
  checkQueue(server.queue, server.lock, report)
  if (server.dashboard && resolveQueue(server.queue, server.lock).type === 'memory') {
    report.warn(['dashboard'], 'has no effect: it shows a queue that is on Redis, and this one is in memory')
  }
  if (isOneRedis(resolveCache(server.cache).addresses, resolveQueue(server.queue, server.lock))) {
    const advice = 'one has to evict and the other must not: give each a Redis of its own'
    report.warn(['cache', 'address'], `the queue is on the same Redis; ${advice}`)
  }
}

/** Databases of one Redis share its memory. */
function isOneRedis(cache: readonly RedisAddress[], queue: QueueConfig): boolean {
  const ofQueue = queue.type === 'memory' ? [] : queue.type === 'redis' ? [queue.address] : queue.addresses
  return cache.some(one => ofQueue.some(other => one.host === other.host && one.port === other.port))
}

/** `baseDir`: what relative paths start from. */
export function resolveServer(server: ServerSection, baseDir: string): ServerConfig {
  const { accessLogs, internalListen, requestTimeout, maxFileSize, worker, idleCleanup } = server
  return {
    listens: listenersOf(server),
    internalListen,
    logLevel: server.logLevel === 'debug' ? 'debug' : 'info',
    accessLogs,
    monitoring: server.monitoring === 'prometheus' ? 'prometheus' : 'none',
    requestTimeout,
    dashboard: server.dashboard,
    events: server.events,
    placeholder: resolvePlaceholder(server.placeholder, baseDir),
    maxFileSize,
    plugins: resolvePlugins(server.plugins),
    cache: resolveCache(server.cache),
    queue: resolveQueue(server.queue, server.lock),
    worker,
    idleCleanup: idleCleanup?.enabled
      ? { idleTimeoutMin: idleCleanup.idleTimeoutMin, aggressiveGC: idleCleanup.aggressiveGC }
      : null,
  }
}

function listenersOf({ listen, listens }: ServerSection): Listener[] {
  const several = listens.filter(listener => listener !== null)
  return several.length > 0 ? several : [listen]
}

function resolvePlaceholder(text: string, baseDir: string): string | null {
  if (text === '') return null
  // As mort tells them apart.
  return text.startsWith('http') ? text : resolve(baseDir, text)
}
