import { fileURLToPath } from 'node:url'
import { loadConfig } from '@mortise/config'
import { printStep } from '@mortise/operations'
import { describe, expect, it } from 'vitest'
import { createPlanner, loadScripts, type Planner } from '../plan.ts'
import { describeGrammars } from './describe.ts'
import { describeParameters } from './parameters.ts'

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
    expect(print(await plannerFor(transform), url)).toBe(plan)
  })
})

const query = await plannerFor('kind: query')

describe.each(describeParameters())('the description of the parameter $name', ({ name, operations, example }) => {
  const target = `/media/cat.jpg?${example.query}`

  it(`has an example that holds: ${example.query}`, () => {
    expect(example.query).toMatch(new RegExp(`(^|&)${name}(=|$)`))
    expect(print(query, target)).toBe(example.plan)
    expect(query.explain({ target, accepts: [] }).warnings).toEqual(
      name === 'embed' ? [expect.stringContaining('embed')] : [],
    )
  })

  it('names the operations that read it', () => {
    const { warnings } = query.explain({ target: `/media/cat.jpg?${name}=1`, accepts: [] })
    const needs = operations.length > 0 && !operations.includes('resize')
    expect(warnings.filter(text => text.includes('without operation')).length).toBe(needs ? 1 : 0)
  })
})

function print(planner: Planner, target: string): string {
  const resolution = planner.plan({ target, accepts: [] })
  if (resolution.kind !== 'derivative') return 'original'
  const { passes, output } = resolution.plan
  const written = [output.format, ...(output.quality ? [output.quality] : [])].join(' ')
  return `${passes.map(pass => pass.map(printStep).join(' ')).join(' / ')} | ${written}`
}
