import type { Client } from './connect.ts'
import { type Keys, planIdOf } from './keys.ts'
import { keepMessage, writeMessage } from './message.ts'
import type { WireOutcome } from './wire.ts'

/** How those who wait for a job are told, wherever they wait: each process by one message in its inbox. */
export type Notifier = {
  /** Keeps the body of an outcome, for those who are told of it and for those who look. */
  keep(jobId: string, wire: WireOutcome, bytes: Uint8Array): Promise<void>
  /** Tells everybody, with the body if one was kept, before the job has ended. Who comes until then finds it with the job. */
  answer(jobId: string, wire: WireOutcome): Promise<void>
  /** Tells those who wait how a job has ended, with the body if one was kept that is not too large. */
  end(jobId: string, wire: WireOutcome): Promise<void>
}

/**
 * KEYS waiters, job, bytes; ARGV inbox, message without bytes, whether some were kept, outcome when the job goes on: then
 * nobody is told without the bytes, which are nowhere else yet. A job that is gone is not brought back. Who has been told
 * does not wait any more.
 */
const tell = `
if ARGV[4] and redis.call('EXISTS', KEYS[2]) == 1 then redis.call('HSET', KEYS[2], 'progress', ARGV[4]) end
local members = redis.call('ZRANGE', KEYS[1], 0, -1)
if #members == 0 then return end
local kept = ARGV[3] == '1' and redis.call('GET', KEYS[3])
if ARGV[3] == '1' and ARGV[4] and not kept then return end
local told = {}
for _, member in ipairs(members) do
  local process = string.match(member, '^(.*)%.') or member
  if not told[process] then redis.call('PUBLISH', ARGV[1] .. process, kept or ARGV[2]) end
  told[process] = true
end
redis.call('DEL', KEYS[1])`

type Scripts = { mortiseTell(...args: string[]): Promise<unknown> }

/** Larger bodies (bytes) are fetched by who is told: Redis cuts off a subscriber to whom it has 32 MiB to send. */
const messageBytes = 4 * 1024 * 1024

/** `ttl`: ms for which bytes are kept. */
export function createNotifier(client: Client, keys: Keys, ttl: number): Notifier {
  client.defineCommand('mortiseTell', { numberOfKeys: 3, lua: tell })
  // ioredis adds the method at run time, where its types cannot see it.
  const scripts = client as unknown as Scripts

  async function send(jobId: string, wire: WireOutcome, ...progress: string[]) {
    const names = [keys.waiters(planIdOf(jobId)), keys.job(jobId), keys.bytes(jobId)]
    const comesAlong = wire.ok && wire.inline && (progress.length > 0 || wire.derived.size <= messageBytes)
    const kept = comesAlong ? '1' : '0'
    await scripts.mortiseTell(...names, keys.inbox, writeMessage(jobId, wire), kept, ...progress)
  }

  return {
    keep: (jobId, wire, bytes) => keepMessage(client, keys.bytes(jobId), writeMessage(jobId, wire), bytes, ttl),
    answer: (jobId, wire) => send(jobId, wire, JSON.stringify(wire)),
    end: (jobId, wire) => send(jobId, wire),
  }
}
