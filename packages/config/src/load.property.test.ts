// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the placeholders are the subject here.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { ConfigError } from './issues.ts'
import { loadConfig } from './load.ts'

const everything = readFileSync(new URL('../fixtures/everything.yml', import.meta.url), 'utf8')

/** A configuration, or every mistake; nothing else ever comes out. */
function loadsOrRefuses(text: string, env: Record<string, string> = {}): boolean {
  try {
    return Object.isFrozen(loadConfig(text, { env, baseDir: '/srv' }).config)
  } catch (error) {
    assert(error instanceof ConfigError, String(error))
    return error.code === 'invalid_config' && error.issues.length > 0 && error.message !== ''
  }
}

const names = [
  'server',
  'queue',
  'cache',
  'lock',
  'listens',
  'plugins',
  'compress',
  'gzip',
  'buckets',
  'media',
  'storages',
]
const more = [
  'basic',
  'kind',
  'transform',
  'presets',
  'filters',
  'blur',
  'path',
  'headers',
  'keys',
  'glacier',
  'constructor',
]
const words = [
  'local',
  's3',
  'query',
  'presets',
  'redis',
  'yes',
  '1',
  '-1',
  '.nan',
  '~',
  '""',
  '"1"',
  ':80',
  '$A',
  '*a',
  '(',
  'x y',
]

const name = fc.constantFrom(...names, ...more)
const { value } = fc.letrec<{ value: string }>(tie => ({
  value: fc.oneof(
    { maxDepth: 6 },
    fc.constantFrom(...words),
    fc.array(tie('value'), { maxLength: 3 }).map(items => `[${items.join(', ')}]`),
    fc
      .array(fc.tuple(name, tie('value')), { maxLength: 4 })
      .map(pairs => `{${pairs.map(pair => pair.join(': ')).join(', ')}}`),
  ),
}))

describe('loadConfig', { timeout: 60_000 }, () => {
  it('loads or refuses any text', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), text => loadsOrRefuses(text)))
  })

  it('loads or refuses any text that looks like YAML', () => {
    const pieces = fc.constantFrom(
      'a',
      ': ',
      '- ',
      '\n',
      '  ',
      '{',
      '}',
      '[',
      ']',
      '"',
      "'",
      '&a',
      '*a',
      '<<',
      '!!str ',
      '|',
      '#',
      '?',
      '$',
      '---\n',
      '%',
      ',',
    )
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 60 }), parts => loadsOrRefuses(parts.join(''))),
      { numRuns: 500 },
    )
  })

  it('loads or refuses any values for settings', () => {
    fc.assert(
      fc.property(value, text => loadsOrRefuses(text, { A: 'b' })),
      { numRuns: 500 },
    )
  })

  it('loads or refuses any setting in the place of another', () => {
    const lines = everything.split('\n')
    const at = fc.nat(lines.length - 1)
    const swap = fc.tuple(at, at, fc.constantFrom(...words))
    fc.assert(
      fc.property(swap, ([from, to, word]) => {
        const changed = lines
          .with(to, lines[from]!)
          .map((line, index) => (index === from ? line.replace(/: .*/, `: ${word}`) : line))
        return loadsOrRefuses(changed.join('\n'))
      }),
      { numRuns: 60 },
    )
  })

  it.each([
    ['brackets', '['],
    ['braces', '{'],
    ['dashes', '- '],
    ['questions', '? '],
    ['names', 'a: '],
    ['variables', '${'],
    ['closed variables', '${a}'],
    ['quotes', '"'],
    ['anchors', '&a '],
    ['lines', 'a: 1\n'],
    ['commas', '['.concat(','.repeat(10))],
    ['buckets', 'b: {<<: *a}\n'],
  ])('ends on a long run of %s', (_, piece) => {
    assert(loadsOrRefuses(piece.repeat(20_000 / piece.length)))
  })
})
