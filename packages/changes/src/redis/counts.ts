import { randomBytes } from 'node:crypto'
import type { Client } from '@mortise/redis'
import type { Entry } from '../ledger.ts'
import { readEntries } from './wire.ts'

/** How often each slot has changed, counted in Redis, so that everybody agrees which change is the last. */
export type Counts = {
  /** One more for each. */
  add(slots: readonly number[]): Promise<{ epoch: string; entries: Entry[] }>
  read(): Promise<{ epoch: string; entries: Entry[] }>
  /** Changes that were counted, of all slots. */
  total(): Promise<{ epoch: string; total: number }>
}

/**
 * Each script is told a name for the epoch that begins when there is none.
 *
 * The epoch is another one after the hash was lost, and whenever another server keeps it, or the same one started again:
 * the last changes may not have reached its disk, and what was counted then must not be counted once more.
 */
const epoch = `
  redis.call('HSETNX', KEYS[1], 'epoch', ARGV[1])
  local server = redis.pcall('INFO', 'server')
  local run = type(server) == 'string' and string.match(server, 'run_id:(%w+)') or ''
  local epoch = redis.call('HGET', KEYS[1], 'epoch') .. '-' .. string.sub(run, 1, 16)`

const adding = `${epoch}
  local counts = {}
  for i = 2, #ARGV do counts[i - 1] = redis.call('HINCRBY', KEYS[1], ARGV[i], 1) end
  redis.call('HINCRBY', KEYS[1], 'total', #ARGV - 1)
  return { epoch, counts }`

const reading = `${epoch} return { epoch, redis.call('HGETALL', KEYS[1]) }`

const summing = `${epoch} return { epoch, redis.call('HGET', KEYS[1], 'total') or '0' }`

export function createCounts(client: Client, key: string): Counts {
  const run = async (script: string, slots: readonly number[] = []) =>
    (await client.eval(script, 1, key, randomBytes(6).toString('hex'), ...slots)) as [epoch: string, value: unknown]
  return {
    async add(slots) {
      const [epoch, counts] = await run(adding, slots)
      return { epoch, entries: readEntries(slots.flatMap((slot, at) => [slot, (counts as number[])[at]])) }
    },
    async read() {
      const [epoch, fields] = await run(reading)
      return { epoch, entries: readEntries(fields as string[]) }
    },
    async total() {
      const [epoch, total] = await run(summing)
      return { epoch, total: Number(total) }
    },
  }
}
