import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { ConfigError } from './issues.ts'
import { Scalar } from './scalar.ts'
import type { Tree } from './tree.ts'
import { parseYaml } from './yaml.ts'

describe('parseYaml', () => {
  const rows: [name: string, text: string, expected: unknown][] = [
    [
      'scalars keep their text',
      'a: 1.10\nb: yes\nc: 010\nd: 2001-01-01',
      { a: '1.10', b: 'yes', c: '010', d: '2001-01-01' },
    ],
    ['quotes, which make a text', `a: "1"\nb: 'yes'`, { a: '"1"', b: '"yes"' }],
    ['block scalars', 'a: |\n  x\n  y\nb: >\n  x\n  y', { a: '"x\ny\n"', b: '"x y\n"' }],
    ['names that look like something else', 'on: a\n1: b\n~: c\n1.10: d', { on: 'a', 1: 'b', '~': 'c', '1.10': 'd' }],
    ['nothing behind a name', 'a:\nb: ~', { a: '', b: '~' }],
    ['no text at all', '', ''],
    ['comments only', '# x\n', ''],
    ['a name set twice holds the last value', 'a: 1\na: 2', { a: '2' }],
    ['an alias', 'a: &x {b: 1}\nc: *x', { a: { b: '1' }, c: { b: '1' } }],
    ['an alias means the anchor before it', 'a: &x 1\nb: *x\nc: &x 2\nd: *x', { a: '1', b: '1', c: '2', d: '2' }],
    [
      'a merge gives what is not there',
      'a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}',
      { a: { b: '1', c: '2' }, d: { c: '3', b: '1' } },
    ],
    ['a merge behind the name as well', 'a: &x {b: 1}\nd:\n  b: 2\n  <<: *x', { a: { b: '1' }, d: { b: '2' } }],
    [
      'of several merges the first holds',
      'a: &x {p: 1}\nb: &y {p: 2, q: 2}\nc: {<<: [*x, *y]}',
      { a: { p: '1' }, b: { p: '2', q: '2' }, c: { p: '1', q: '2' } },
    ],
    ['a merge in quotes is a name', '"<<": {a: 1}', { '<<': { a: '1' } }],
    ['a tag for text', 'a: !!str 5\nb: ! 6', { a: '"5"', b: '"6"' }],
    ['a tag for a number', 'a: !!int "5"', { a: '5' }],
    ['a directive changes nothing', '%YAML 1.2\n---\na: yes', { a: 'yes' }],
    ['a byte order mark', '\uFEFFa: 1', { a: '1' }],
  ]
  it.each(rows)('%s', (_, text, expected) => assert.deepEqual(plain(parseYaml(text).tree), expected))

  it('gives maps nothing to inherit', () => {
    assert.equal((parseYaml('a: 1').tree as { constructor?: unknown }).constructor, undefined)
  })

  it('reads the first document and says so', () => {
    const { tree, warnings } = parseYaml('a: 1\n---\nb: 2')
    assert.deepEqual(plain(tree), { a: '1' })
    assert.deepEqual(warnings, [{ path: 'line 2, column 1', message: 'only the first document of the file is read' }])
  })

  const mistakes: [name: string, text: string, first: string][] = [
    ['an alias of nothing', 'a: *x', 'a: expected an alias'],
    ['an alias before its anchor', 'a: *x\nb: &x 1', 'a: expected an alias'],
    ['an alias within its own anchor', 'a: &x [*x]', 'a[0][0][0]: expected at most 32 levels'],
    ['a merge of a map into itself', 'a: &x {<<: *x}', 'expected at most 32 levels'],
    ['a list as a name', '? [a]\n: 1', 'expected a text as name'],
    ['a name that objects treat in their own way', '__proto__: {a: 1}', 'expected a text as name'],
    ['a merge of a text', 'a: {<<: x}', 'a: expected a mapping, or a list of mappings'],
    ['another tag', 'a: !!binary aGk=', 'a: expected a value without a tag'],
    ['an open bracket', 'a: [1', 'line 1, column 6: expected another indentation, or a closing bracket'],
    ['an open quote', 'a: "x', 'line 1, column 6: expected a quote'],
    ['two values in a line', 'a: b: c', 'line 1, column 4: expected one "key: value"'],
    ['a tab before a name', 'a:\n\tb: 1', 'line 2, column 1: expected spaces'],
    ['deep nesting', '['.repeat(100) + ']'.repeat(100), '[0][0][0][0]: expected at most 32 levels'],
    ['very deep nesting', '['.repeat(50_000), 'line 1'],
    ['an alias bomb', bomb(), 'expected at most 100000 values'],
  ]
  it.each(mistakes)('refuses %s', (_, text, first) => {
    assert.throws(
      () => parseYaml(text),
      (error: ConfigError) => {
        assert(error instanceof ConfigError)
        assert.equal(error.code, 'invalid_config')
        assert(error.message.includes(first), error.message)
        return true
      },
    )
  })

  it.each([
    'k: "abc" sekret',
    'k: "a\\qsekret"',
    'k: *sekret',
    'k: !sekret!x 1',
    '%sekret\n',
    'k: !<sekret',
    "k: 'sekret",
    'k: [sekret',
    'k: @sekret',
    'a: b: sekret',
  ])('does not repeat the text of %j', text => {
    assert.throws(
      () => parseYaml(text),
      (error: ConfigError) => !error.message.includes('sekret'),
    )
  })
})

/** Quotes mark a text that cannot be anything else. */
function plain(tree: Tree): unknown {
  if (tree instanceof Scalar) return tree.plain ? tree.text : `"${tree.text}"`
  if (Array.isArray(tree)) return tree.map(plain)
  return Object.fromEntries(Object.entries(tree).map(([name, inner]) => [name, plain(inner)]))
}

function bomb(): string {
  const names = [...'abcdefgh']
  const lines = names.map(
    (name, index) => `${name}: &${name} [${Array(10).fill(index === 0 ? 'x' : `*${names[index - 1]}`)}]`,
  )
  return lines.join('\n')
}
