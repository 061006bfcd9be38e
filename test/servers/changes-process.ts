// A process of its own that shares changes over Redis, to be stopped: forked, with the options as JSON.
// It is told `{ mark: KEY }`, or `{ ask: KEY }` to say whether that mark is current.
import { createRedisChanges } from '../../packages/changes/src/redis.ts'

const options = JSON.parse(process.argv[2] ?? '{}')
const changes = await createRedisChanges({ ...options, now: Date.now, onError: () => {} })
const marks = new Map<string, ReturnType<typeof changes.mark>>()

process.on('message', ({ mark, ask }: { mark?: string; ask?: string }) => {
  if (mark !== undefined) marks.set(mark, changes.mark(mark))
  process.send?.(ask === undefined ? 'marked' : (marks.get(ask)?.isCurrent() ?? null))
})
process.once('disconnect', () => process.exit())
process.send?.('ready')
