import { fileURLToPath } from 'node:url'
import { loadConfig } from '@mortise/config'
import { printStep } from '@mortise/operations'
import { describe, expect, it } from 'vitest'
import { createPlanner, loadScripts } from '../plan.ts'
import { describeGrammars } from './describe.ts'

const docs = fileURLToPath(new URL('../../docs', import.meta.url))
const storages = 'storages: {basic: {kind: noop}, transform: {kind: noop}}'

async function plannerFor(transform: string) {
  const text = `
baseconfigpath: ${docs}
buckets:
  originals: {${storages}}
  media:
    ${storages}
    transform:
      ${transform.replaceAll('\n', '\n      ')}`
  const { config, warnings } = loadConfig(text, { env: {}, baseDir: docs })
  expect(warnings).toEqual([])
  return createPlanner(config, await loadScripts(config))
}

describe.each(describeGrammars())('the description of $kind', ({ transform, examples }) => {
  it.each(examples)('$url: $means', async ({ url, plan }) => {
    const planner = await plannerFor(transform)
    const resolution = planner.plan({ target: url, accepts: [] })
    if (resolution.kind !== 'derivative') return expect(plan).toBe('original')
    const { passes, output } = resolution.plan
    const written = [output.format, ...(output.quality ? [output.quality] : [])].join(' ')
    expect(`${passes.map(pass => pass.map(printStep).join(' ')).join(' / ')} | ${written}`).toBe(plan)
  })
})
