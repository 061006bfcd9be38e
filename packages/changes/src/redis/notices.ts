import { within } from '@mortise/async'
import type { Client } from '@mortise/redis'
import type { Entry } from '../ledger.ts'
import { type Notice, parseNotice, printNotice } from './wire.ts'

export type NoticesOptions = {
  commands: Client
  /** Nothing else is done on it. */
  ears: Client
  channels: { changed: string; noted: string }
  /** A UUID: this process. */
  own: string
  /** When it resolves, the sender is told that this process has taken note. */
  onNotice(notice: Notice): Promise<void>
  onError(error: unknown): void
}

export type Notices = {
  listen(): Promise<unknown>
  /**
   * Resolves when it is sent, with what resolves when everybody who listens has taken note, or `patienceMs` later.
   */
  send(counted: { epoch: string; entries: Entry[] }): Promise<{ noted: Promise<void> }>
}

/** How long a change waits for everybody to take note. Milliseconds. */
export const patienceMs = 2_000

/** Each process hears a channel that is everybody's, and one of its own for the answers to what it has said. */
export function createNotices({ commands, ears, channels, own, onNotice, onError }: NoticesOptions): Notices {
  /** By the number of the notice: called for every process that has noted it. */
  const waiting = new Map<number, () => void>()
  let last = 0

  ears.on('message', (channel: string, text: string) => {
    if (channel === channels.changed) hear(text).catch(onError)
    else waiting.get(Number(text))?.()
  })

  async function hear(text: string) {
    const notice = parseNotice(text)
    if (!notice) return
    await onNotice(notice)
    await commands.publish(channels.noted + notice.from, String(notice.number))
  }

  async function everybody(heard: () => number, listeners: number, all: Promise<void>, number: number) {
    try {
      if (await within(all, patienceMs)) return
      onError(new Error(`changes were noted by ${heard()} of ${listeners} processes within ${patienceMs} ms`))
    } finally {
      waiting.delete(number)
    }
  }

  return {
    listen: () => ears.subscribe(channels.changed, channels.noted + own),
    async send({ epoch, entries }) {
      const number = ++last
      let heard = 0
      let listeners = Number.POSITIVE_INFINITY
      const { promise: all, resolve } = Promise.withResolvers<void>()
      const look = () => heard >= listeners && resolve()
      waiting.set(number, () => {
        heard++
        look()
      })
      try {
        listeners = await publish(commands, channels.changed, printNotice({ from: own, number, epoch, entries }))
      } catch (error) {
        waiting.delete(number)
        throw error
      }
      look()
      return { noted: everybody(() => heard, listeners, all, number) }
    },
  }
}

/** Resolves with how many processes are told. */
async function publish(client: Client, channel: string, text: string): Promise<number> {
  if (!client.isCluster) return client.publish(channel, text)
  // Every node tells those who listen to it, and counts only them. Who listens to one that is away is not there either.
  const nodes = (client as Extract<Client, { nodes: unknown }>).nodes('all')
  const [counts] = await Promise.all([
    Promise.all(nodes.map(node => node.call('PUBSUB', 'NUMSUB', channel).catch(() => []))),
    client.publish(channel, text),
  ])
  return counts.reduce<number>((sum, reply) => sum + Number((reply as unknown[])[1] ?? 0), 0)
}
