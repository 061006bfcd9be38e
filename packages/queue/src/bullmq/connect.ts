import type { Client, RedisTarget } from '@mortise/redis'
import * as redis from '@mortise/redis'

export { type Client, commandMs, type RedisNode, type RedisTarget } from '@mortise/redis'

type Connect = (target: RedisTarget, onError: (error: unknown) => void) => Client

export const connectPrompt: Connect = (target, onError) => quiet(redis.connectPrompt(target, onError))

export const connectPatient: Connect = (target, onError) => quiet(redis.connectPatient(target, onError))

/**
 * What Redis evicts when its memory is full; `null` when it does not say. A queue loses jobs by anything but `noeviction`.
 */
export async function readEvictionPolicy(client: Client): Promise<string | null> {
  const text = await client.call('INFO', 'memory').catch(() => '')
  return /^maxmemory_policy:(\S+)/m.exec(String(text))?.[1] ?? null
}

/** BullMQ asks every connection for its version, and prints to the console what it thinks of a line beside that. */
function quiet<C extends Client>(client: C): C {
  const duplicate = client.duplicate.bind(client) as (...args: unknown[]) => Client
  const info = client.info.bind(client) as (...args: unknown[]) => Promise<string>
  return Object.assign(client, {
    // The client itself asks as well, and wants its callback to be called.
    info: (...args: unknown[]) =>
      args.length > 0 ? info(...args) : info().then(text => text.replace(/^maxmemory_policy:.*$/m, '')),
    duplicate: (...args: unknown[]) => quiet(duplicate(...args)),
  })
}
