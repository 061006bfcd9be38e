import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { findPromtool } from './promtool.ts'
import { ofKind } from './read.ts'
import { findKustomize, render } from './render.ts'

const run = promisify(execFile)
const [promtool, kustomize] = [await findPromtool(), await findKustomize()]
const folder = await mkdtemp(path.join(tmpdir(), 'mortise-rules-'))
afterAll(() => rm(folder, { recursive: true }))

type Rules = { groups: { name: string; rules: { alert: string; expr: string }[] }[] }
type Scaled = { triggers: { name: string; metadata: { query: string } }[] }

type Case = {
  what: string
  /** What is scraped every 15 s for 20 minutes. */
  series: Series[]
  /** What the workers are scaled by, by the names of the triggers; `null`: there is no answer. */
  scale?: Record<string, number | null>
  fires: string[]
}

const cases: Case[] = [
  {
    what: 'scale by one of the numbers that all processes agree on',
    series: [...queue('a', 4, 8, 1), ...queue('b', 4, 8, 1), ['mortise_batches_waiting', '', '70+0x90']],
    scale: { depth: 12, age: 1, background: 70 },
    fires: [],
  },
  {
    what: 'scale by what some know when others do not reach the queue',
    series: [...queue('a', Number.NaN, Number.NaN), ...queue('b', 12, 8, 42)],
    scale: { depth: 20, age: 42, background: null },
    fires: ['MortiseJobsWait'],
  },
  {
    what: 'give no number of workers when nobody reaches the queue, and tell it',
    series: [...queue('a', Number.NaN, Number.NaN), ...queue('b', Number.NaN, Number.NaN)],
    scale: { depth: null, age: null },
    fires: ['MortiseQueueUnknown'],
  },
  { what: 'tell that nothing is there', series: [], scale: { depth: null }, fires: ['MortiseQueueUnknown'] },
  { what: 'tell that nobody renders', series: queue('a', 3, 0), fires: ['MortiseNobodyRenders'] },
  {
    what: 'tell of refusals when they are more than a hundredth of all answers',
    series: [...queue('a', 0, 0), ...errors(2, 'overloaded'), ...responses(100)],
    fires: ['MortiseRefuses'],
  },
  {
    what: 'are quiet about fewer, and about mistakes of clients',
    series: [...queue('a', 0, 0), ...errors(1, 'timed_out'), ...errors(90, 'no_such_object'), ...responses(200)],
    fires: [],
  },
  {
    what: 'tell of storages that fail, and of pictures that kill',
    series: [...queue('a', 0, 0), ...errors(9, 'storage_unavailable'), ...errors(1, 'poisoned'), ...responses(9000)],
    fires: ['MortiseKilledByAPicture', 'MortiseStorageFails'],
  },
  {
    what: 'tell of derivatives that are not stored',
    series: [...queue('a', 0, 0), ['mortise_store_failures_total', 'code="storage_unavailable"', '0+1x90']],
    fires: ['MortiseCannotStore'],
  },
  {
    what: 'tell of a background lane that fills up',
    series: [...queue('a', 0, 8), ['mortise_batches_waiting', '', '9000+0x90']],
    fires: ['MortiseBackgroundIsFull'],
  },
  {
    what: 'tell of clients that wait for long',
    series: [
      ...queue('a', 0, 8),
      ...['5000', '10000', '+Inf'].map(
        (le, i) => ['mortise_wait_time_bucket', `le="${le}"`, `0+${1 + 9 * i}x90`] as Series,
      ),
    ],
    fires: ['MortiseClientsWait'],
  },
]

describe.runIf(promtool && kustomize)('the expressions of k8s/, as Prometheus reads them,', async () => {
  const resources = kustomize ? await render(kustomize, 'overlays/production') : []
  const [alerts] = ofKind<Rules>(resources, 'PrometheusRule')
  const [scaled] = ofKind<Scaled>(resources, 'ScaledObject')
  const recorded = (scaled?.spec.triggers ?? []).map(({ name, metadata }) => ({ record: name, expr: metadata.query }))
  await writeFile(
    path.join(folder, 'rules.yml'),
    stringify({ groups: [...(alerts?.spec.groups ?? []), { name: 'scaling', rules: recorded }] }),
  )

  it.each(cases)('$what', async ({ series, scale = {}, fires }) => {
    const file = path.join(folder, 'test.yml')
    const samples = Object.entries(scale).map(([name, value]) => [name, value === null ? [] : [[name, value]]] as const)
    const firing = fires.map(name => [`{alertname="${name}"}`, 1])
    const asked = [...samples, ['count by (alertname) (ALERTS{alertstate="firing"})', firing] as const]
    const test = {
      interval: '15s',
      input_series: series.map(([name, labels, values]) => ({
        series: `${name}{namespace="mortise"${labels && `,${labels}`}}`,
        values,
      })),
      promql_expr_test: asked.map(([expr, expected]) => ({
        expr,
        eval_time: '20m',
        exp_samples: expected.map(([labels, value]) => ({ labels, value })),
      })),
    }
    await writeFile(file, stringify({ rule_files: ['rules.yml'], evaluation_interval: '15s', tests: [test] }))
    await expect(run(promtool!, ['test', 'rules', file])).resolves.toMatchObject({
      stdout: expect.stringContaining('SUCCESS'),
    })
  })

  it('are all covered: each alert fires in one of these cases', () => {
    const names = (alerts?.spec.groups ?? []).flatMap(({ rules }) => rules.map(({ alert }) => alert))
    expect(new Set(cases.flatMap(({ fires }) => fires))).toEqual(new Set(names))
  })
})

/** Its name, its labels but for the namespace, its values in Prometheus' notation: start, growth, times. */
type Series = [name: string, labels: string, values: string]

/** What one process says of the queue. */
function queue(pod: string, waiting: number, active: number, oldest = waiting): Series[] {
  const numbers = { waiting_interactive: waiting, active, oldest_seconds: oldest }
  return Object.entries(numbers).map(([name, value]) => [`mortise_queue_${name}`, `pod="${pod}"`, `${value}+0x90`])
}

function errors(each: number, code: string): Series[] {
  return [['mortise_errors_total', `code="${code}"`, `0+${each}x90`]]
}

function responses(each: number): Series[] {
  return [['mortise_responses_total', 'status="200"', `0+${each}x90`]]
}
