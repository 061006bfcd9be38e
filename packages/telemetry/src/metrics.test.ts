import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { createMetrics, registerGauges } from './metrics.ts'

/** mort's series as its dashboards know them: name, type, labels. */
const series = [
  ['mort_cache_ratio', 'counter', ['status']],
  ['mort_request_throttled_count', 'counter', []],
  ['mort_request_collapsed_count', 'counter', []],
  ['mort_request_type_count', 'counter', ['type']],
  ['mort_storage_request', 'counter', ['method', 'bucket', 'storage', 'object_type']],
  ['mort_storage_throughput', 'gauge', ['method', 'storage']],
  ['mort_storage_time', 'histogram', ['method', 'storage']],
  ['mort_response_time', 'histogram', ['method']],
  ['mort_generation_time', 'histogram', []],
  ['mort_vips_cleanup_count', 'counter', []],
  ['mort_glacier_error_detected', 'counter', []],
  ['mort_glacier_restore_initiated', 'counter', []],
] as const

describe("mort's series", () => {
  it('are shown with their names, types and labels', async () => {
    const { registry } = createMetrics({ mort: true })
    const shown = await registry.getMetricsAsJSON()
    const found = shown.filter(({ name }) => name.startsWith('mort_'))
    expect(found.map(({ name, type }) => [name, type]).toSorted()).toEqual(
      series.map(([name, type]) => [name, type]).toSorted(),
    )
    for (const [name, , labels] of series) {
      expect(registry.getSingleMetric(name)).toMatchObject({ labelNames: labels })
    }
  })

  it('are not shown without the setting, and can be counted all the same', async () => {
    const metrics = createMetrics({ mort: false })
    metrics.cache.inc({ status: 'hit' })
    metrics.generationTime.observe(3)
    metrics.storageBytes.inc({ method: 'get', storage: 's3' }, 7)
    expect(await metrics.registry.metrics()).not.toMatch(/\bmort_/)
  })

  it('have milliseconds in buckets for milliseconds', async () => {
    const metrics = createMetrics({ mort: true })
    metrics.generationTime.observe(150)
    const text = await metrics.registry.metrics()
    expect(text).toMatch(/^mort_generation_time_bucket\{le="100"\} 0$/m)
    expect(text).toMatch(/^mort_generation_time_bucket\{le="200"\} 1$/m)
  })
})

it('shows ours with and without the setting', async () => {
  const names = async (mort: boolean) => {
    const shown = await createMetrics({ mort }).registry.getMetricsAsJSON()
    return shown.map(({ name }) => name).filter(name => name.startsWith('mortise_'))
  }
  expect(await names(true)).toContain('mortise_jobs_total')
  expect(await names(true)).toEqual(await names(false))
})

it('shows a gauge that cannot be read as NaN, and the others as they are', async () => {
  const metrics = createMetrics({ mort: false })
  registerGauges(metrics, [
    { name: 'mortise_broken', help: 'x', read: () => Promise.reject(new Error('away')) },
    { name: 'mortise_fine', help: 'x', read: async () => 4 },
  ])
  const text = await metrics.registry.metrics()
  expect(text).toMatch(/^mortise_broken Nan$/m)
  expect(text).toMatch(/^mortise_fine 4$/m)
})

it('shows nothing that the README does not list', async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  const shown = await createMetrics({ mort: true }).registry.getMetricsAsJSON()
  const names = shown.map(({ name }) => name).filter(name => name.startsWith('mort'))
  expect(names.filter(name => !readme.includes(`\`${name}\``))).toEqual([])
})
