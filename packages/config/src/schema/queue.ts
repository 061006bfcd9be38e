import type { Report } from '../report.ts'
import type { QueueBackend, QueueConfig } from '../types.ts'
import { clientConfig, isRedis, type RedisSection, redisAddresses, redisType, resolveRedis } from './redis.ts'
import { section } from './section.ts'
import { int, type Output, optionalChoice, text } from './setting.ts'

/** mort's: how its processes tell each other what they work on. Here the queue does that. */
export const lock = section(
  { type: redisType, address: redisAddresses, clientConfig: clientConfig() },
  'The Redis that the queue is on unless `server.queue` names another.',
)

/** Ours. */
export const queue = section(
  {
    type: optionalChoice(
      ['memory', 'redis', 'redis-cluster'],
      'Absent: as `server.lock.type`, else memory, which is for a single process.',
    ),
    address: redisAddresses,
    prefix: text('Start of every key in Redis.', 'mortise'),
    maxWaiting: int('Derivatives for which one process waits; beyond it requests get a 503.', {
      default: 1000,
      min: 1,
      max: 1_000_000,
    }),
    maxBackground: int(
      'Originals whose derivatives are made ahead of time and that wait for it; beyond it none is added.',
      {
        default: 10_000,
        min: 1,
        max: 1_000_000,
      },
    ),
    attempts: int('Tries of one job, the first included.', { default: 3, min: 1, max: 100 }),
    inlineBytes: int('Bytes up to which a result travels through the queue.', {
      default: 1_048_576,
      min: 0,
      max: 67_108_864,
    }),
    resultTtl: int('Seconds for which the queue keeps a result.', { default: 60, min: 1, max: 86_400 }),
    lockDuration: int('Milliseconds after which a job of a silent worker goes to another.', {
      default: 5000,
      min: 1000,
      max: 600_000,
    }),
    stalledInterval: int('Milliseconds between two looks for such jobs.', { default: 2000, min: 100, max: 600_000 }),
  },
  'How gateways and workers share work.',
)

type QueueSection = Output<typeof queue>

export function checkQueue(queue: QueueSection, lock: RedisSection, report: Report): void {
  const { type, address } = queue
  if (type !== null && isRedis(type) && address.length === 0 && lock.address.length === 0) {
    report.mistake(['queue', 'address'], 'expected at least one address of Redis, here or in server.lock, found none')
  }
  if (address.length > 0 && type === 'memory') report.warn(['queue', 'address'], 'has no effect on a queue in memory')
  if (backendType(queue, lock) === 'redis' && chosen(queue, lock).address.length > 1) {
    const where = address.length > 0 ? 'queue' : 'lock'
    report.warn([where, 'address'], 'a queue is on one Redis: only the first address is used')
  }
}

export function resolveQueue(queue: QueueSection, lock: RedisSection): QueueConfig {
  const { maxWaiting, maxBackground, attempts, inlineBytes, resultTtl, lockDuration, stalledInterval } = queue
  const limits = { maxWaiting, maxBackground, attempts, inlineBytes, resultTtl, lockDuration, stalledInterval }
  return { ...limits, ...backend(queue, lock) }
}

function backend(queue: QueueSection, lock: RedisSection): QueueBackend {
  const type = backendType(queue, lock)
  const addresses = resolveRedis(chosen(queue, lock))
  const [address] = addresses
  if (type === 'memory' || !address) return { type: 'memory' }
  const setting = queue.address.length > 0 ? 'server.queue.address' : 'server.lock.address'
  const common = { prefix: queue.prefix, setting } as const
  return type === 'redis' ? { type, ...common, address } : { type, ...common, addresses }
}

function backendType(queue: QueueSection, lock: RedisSection): QueueBackend['type'] {
  if (queue.type !== null) return queue.type
  return isRedis(lock.type) ? lock.type : 'memory'
}

function chosen({ address }: QueueSection, lock: RedisSection): Omit<RedisSection, 'type'> {
  return address.length > 0 ? { address, clientConfig: Object.create(null) } : lock
}
