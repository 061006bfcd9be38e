import { type Client, connectPatient, type RedisTarget } from './connect.ts'

/** The one connection of a process on which it hears messages. What is published while it is away is lost. */
export type Subscriptions = {
  /** One listener for each channel; it must not throw. Resolves when messages are heard, rejects when this is closed. */
  hear(channel: string, onMessage: (message: Buffer) => void): Promise<void>
  /** To be called when a message was missed: subscribing again finds out whether the connection is dead. */
  renew(): void
  close(): void
}

/** Connects when there is something to hear. Channels are subscribed to again after a reconnection. */
export function createSubscriptions(target: RedisTarget, onError: (error: unknown) => void): Subscriptions {
  const listeners = new Map<string, (message: Buffer) => void>()
  let client: Client | undefined
  let renewing = false

  function connected(): Client {
    client ??= connectPatient(target, onError).on('messageBuffer', (channel: Buffer, message: Buffer) => {
      listeners.get(channel.toString())?.(message)
    })
    return client
  }

  return {
    async hear(channel, onMessage) {
      listeners.set(channel, onMessage)
      await connected().subscribe(channel)
    },
    renew() {
      if (renewing || !client) return
      renewing = true
      client
        .subscribe(...listeners.keys())
        .catch(onError)
        .finally(() => {
          renewing = false
        })
    },
    close() {
      client?.disconnect()
    },
  }
}
