// A process of its own on the background lane, to be killed or measured: node batch-process.ts ROLE OPTIONS_AS_JSON
// `worker` takes batches and ends them when it is told to stop; `flood` adds as many as may wait, and one more; `both` runs
// one, closes and has to end by itself.
import { createBullBatches } from '@mortise/queue/batches/bullmq'
import { batch, never, nothing } from '@mortise/queue/batches/conformance'

const [role, text = '{}'] = process.argv.slice(2)
const options = JSON.parse(text) as Parameters<typeof createBullBatches>[0]
const queue = createBullBatches(options)

if (role === 'worker') await work()
if (role === 'flood') await flood()
if (role === 'both') {
  await queue.consume(async ({ plans }) => ({ ...nothing, made: plans.length }), { concurrency: 1 })
  console.log(`made ${(await queue.run(batch(1), never)).made}`)
  await queue.close()
}

async function work() {
  const consumer = await queue.consume(
    ({ original }, { signal }) => {
      console.log(`started ${original.key} `)
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    },
    { concurrency: 2 },
  )
  process.once('SIGTERM', async () => {
    await consumer.close(50)
    await queue.close()
  })
}

async function flood() {
  const plans = [1, 2, 3, 4, 5, 6]
  const used = () => {
    globalThis.gc?.()
    return process.memoryUsage().heapUsed
  }
  await queue.add(batch(0, plans))
  const before = used()
  for (let i = 1; i < options.maxBackground; i += 250) {
    const those = Array.from({ length: Math.min(250, options.maxBackground - i) }, (_, n) => batch(i + n, plans))
    await Promise.all(those.map(one => queue.add(one)))
  }
  console.log(`grown ${used() - before} `)
  const { waiting } = await queue.stats()
  console.log(`waiting ${waiting} `)
  console.log(
    await queue.add(batch(-1, plans)).then(
      () => 'taken',
      ({ code }) => code,
    ),
  )
  await queue.close()
}
