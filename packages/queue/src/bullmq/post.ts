import type { Client } from './connect.ts'
import { type Keys, planIdOf } from './keys.ts'
import { parseOutcome, type WireOutcome } from './wire.ts'

/** How those who wait for a job are told, wherever they wait: one message for each process. */
export type Post = {
  /**
   * Tells everybody an outcome before the job has ended. Who comes until then finds it with the job, and the bytes, when
   * there are any, for `ttl` ms under their key.
   */
  answer(jobId: string, wire: WireOutcome, bytes: Uint8Array | null, ttl: number): Promise<void>
  /** Tells those who wait how a job has ended. Bytes that are with the job go along. */
  end(jobId: string, wire: WireOutcome): Promise<void>
}

/** A message in the inbox of a process. */
export type Message = {
  planId: string
  /** The flights of this process that it is for. They are not in the presence of the plan any more. */
  flights: string[]
  wire: WireOutcome
  /** `null` when none came along. */
  bytes: Uint8Array | null
}

/**
 * To every process among the waiters goes "plan flights LF outcome LF bytes", the last part and its LF only with bytes.
 * Who has been told does not wait any more.
 */
const tell = `
local function tell(waiters, inbox, plan, outcome, bytes)
  local inboxes = {}
  for _, member in ipairs(redis.call('ZRANGE', waiters, 0, -1)) do
    local process, flight = string.match(member, '^(.*)%.(.*)$')
    if process then inboxes[process] = (inboxes[process] and inboxes[process] .. ',' or '') .. flight end
  end
  local letter = '\\n' .. outcome .. (bytes and '\\n' .. bytes or '')
  for process, flights in pairs(inboxes) do
    redis.call('PUBLISH', inbox .. process, plan .. ' ' .. flights .. letter)
  end
  redis.call('DEL', waiters)
end
`

/** KEYS waiters, job, bytes; ARGV inbox, plan, outcome, and with bytes: their ttl, bytes. A job that is gone is not brought back. */
const answer = `${tell}
if redis.call('EXISTS', KEYS[2]) == 1 then redis.call('HSET', KEYS[2], 'progress', ARGV[3]) end
if ARGV[5] then redis.call('SET', KEYS[3], ARGV[5], 'PX', ARGV[4]) end
tell(KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[5])`

/** KEYS waiters, bytes; ARGV inbox, plan, outcome. */
const end = `${tell}
if redis.call('EXISTS', KEYS[1]) == 0 then return end
tell(KEYS[1], ARGV[1], ARGV[2], ARGV[3], redis.call('GET', KEYS[2]))`

type Scripts = {
  mortiseAnswer(...args: (string | number | Buffer)[]): Promise<unknown>
  mortiseEnd(...args: string[]): Promise<unknown>
}

export function createPost(client: Client, keys: Keys): Post {
  client.defineCommand('mortiseAnswer', { numberOfKeys: 3, lua: answer })
  client.defineCommand('mortiseEnd', { numberOfKeys: 2, lua: end })
  // ioredis adds the two methods at run time, where its types cannot see them.
  const scripts = client as unknown as Scripts
  return {
    async answer(jobId, wire, bytes, ttl) {
      const planId = planIdOf(jobId) ?? ''
      const body = bytes ? [ttl, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)] : []
      const names = [keys.waiters(planId), keys.job(jobId), keys.bytes(jobId)]
      await scripts.mortiseAnswer(...names, keys.inbox, planId, JSON.stringify(wire), ...body)
    },
    async end(jobId, wire) {
      const planId = planIdOf(jobId)
      if (!planId) return
      await scripts.mortiseEnd(keys.waiters(planId), keys.bytes(jobId), keys.inbox, planId, JSON.stringify(wire))
    },
  }
}

/** `null` when it is none. The bytes share the memory of what was received. */
export function readMessage(message: Buffer): Message | null {
  const first = message.indexOf(lineFeed)
  const second = message.indexOf(lineFeed, first + 1)
  const [planId = '', flights] = message.toString('utf8', 0, Math.max(first, 0)).split(' ')
  const wire = parseOutcome(message.toString('utf8', first + 1, second < 0 ? undefined : second))
  if (!flights || !wire) return null
  return { planId, flights: flights.split(','), wire, bytes: second < 0 ? null : message.subarray(second + 1) }
}

const lineFeed = 10
