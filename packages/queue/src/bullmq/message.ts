import type { Writable } from 'node:stream'
import { Command } from 'ioredis'
import type { Client } from './connect.ts'
import { parseOutcome, type WireOutcome } from './wire.ts'

/** What is published to an inbox, and what is kept with a job: "job LF outcome LF bytes", the last part only with bytes. */
export type Message = {
  jobId: string
  wire: WireOutcome
  /** `null` when none came along. They share the memory of what was received. */
  bytes: Uint8Array | null
}

/** A message without bytes. */
export function writeMessage(jobId: string, wire: WireOutcome): string {
  return `${jobId}\n${JSON.stringify(wire)}`
}

/** `null` when it is none, or when its bytes are not all there. */
export function readMessage(message: Buffer): Message | null {
  const first = message.indexOf(lineFeed)
  const second = message.indexOf(lineFeed, first + 1)
  const wire = parseOutcome(message.toString('utf8', first + 1, second < 0 ? message.length : second))
  if (first < 0 || !wire) return null
  const bytes = second < 0 ? null : message.subarray(second + 1)
  if (bytes && (!wire.ok || bytes.byteLength !== wire.derived.size)) return null
  return { jobId: message.toString('utf8', 0, first), wire, bytes }
}

/** Keeps a message with bytes under the key for `ttl` ms. The bytes must not change until it is kept. */
export async function keepMessage(client: Client, key: string, message: string, bytes: Uint8Array, ttl: number) {
  const command = new KeepCommand(key, `${message}\n`, bytes, ttl)
  client.sendCommand(command)
  await command.promise
}

const lineFeed = 10

/** SET key bytes PX ttl. ioredis would copy the bytes twice on their way to the socket; this writes them as they are. */
class KeepCommand extends Command {
  readonly #head: string
  readonly #bytes: Uint8Array

  constructor(key: string, head: string, bytes: Uint8Array, ttl: number) {
    super('set', [key, head, 'PX', ttl], { replyEncoding: 'utf8' })
    this.#head = head
    this.#bytes = bytes
  }

  override toWritable(socket: Writable): string {
    const [key, , ...expiry] = this.args.map(String)
    const length = Buffer.byteLength(this.#head) + this.#bytes.byteLength
    socket.write(`*5\r\n${bulk('SET')}${bulk(key ?? '')}$${length}\r\n${this.#head}`)
    socket.write(this.#bytes)
    return `\r\n${expiry.map(bulk).join('')}`
  }
}

/** A string as Redis reads it. */
function bulk(text: string): string {
  return `$${Buffer.byteLength(text)}\r\n${text}\r\n`
}
