import { within } from '@mortise/async'
import { Queue } from 'bullmq'
import { commandMs, connectPrompt, type RedisTarget } from '../../bullmq/connect.ts'
import { createKeys, queueName } from '../../bullmq/keys.ts'
import { seldom } from '../../bullmq/seldom.ts'
import { createBatchKeys } from './keys.ts'

/** The two queues as BullMQ sees them, for a dashboard of its kind. Both have the same name there. */
export type DashboardQueues = AsyncDisposable & {
  readonly interactive: Queue
  readonly background: Queue
  /** Lets go of the connection. Idempotent. */
  close(): Promise<void>
}

export type DashboardOptions = { connection: RedisTarget; prefix: string; onError?: (error: unknown) => void }

/** On one connection of its own. Its commands fail within a second while Redis is away, and work again afterwards. */
export function createDashboardQueues({
  connection,
  prefix,
  onError = () => undefined,
}: DashboardOptions): DashboardQueues {
  const report = seldom(onError)
  const client = connectPrompt(connection, report)
  const shared = { connection: client, skipVersionCheck: true, skipWaitingForReady: true, skipMetasUpdate: true }
  const open = (prefix: string) => new Queue(queueName, { ...shared, prefix }).on('error', report)
  let closing: Promise<void> | undefined

  async function closeAll() {
    await within(client.quit(), commandMs).catch(() => undefined)
    client.disconnect()
  }

  const close = () => (closing ??= closeAll())
  return {
    interactive: open(createKeys(prefix).prefix),
    background: open(createBatchKeys(prefix).prefix),
    close,
    [Symbol.asyncDispose]: close,
  }
}
