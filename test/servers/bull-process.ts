// A process of its own on a BullMQ queue, to be killed: node bull-process.ts ROLE OPTIONS_AS_JSON
// `worker` takes jobs and never ends them; `both` makes one derivative, closes and has to end by itself.
import type { Plan } from '@mortise/plan'
import { createBullQueue } from '@mortise/queue/bullmq'

const [role, text = '{}'] = process.argv.slice(2)
const { queue: options, plan } = JSON.parse(text) as { queue: Parameters<typeof createBullQueue>[0]; plan: Plan }
const queue = createBullQueue(options)

if (role === 'worker') {
  await queue.consume(
    async job => {
      console.log(`started ${job.plan.id}`)
      return new Promise(() => undefined)
    },
    { concurrency: 2 },
  )
} else {
  const derived = {
    size: 1,
    contentType: 'image/png',
    etag: 'e'.repeat(32),
    original: 'v1',
    lastModified: 0,
    width: 1,
    height: 1,
  }
  await queue.consume(async () => ({ ok: true, derived, bytes: Buffer.from('x') }), { concurrency: 1 })
  const signal = new AbortController().signal
  const { ok } = await queue.submit(plan, { lane: 'interactive', deadline: Date.now() + 10_000, signal })
  console.log(`ok ${ok}`)
  await queue.close()
}
