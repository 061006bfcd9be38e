import fc from 'fast-check'
import { RE2JS } from 're2js'
import { describe, expect, it } from 'vitest'
import { invertPath } from './preset-keys.ts'

const name = '(?P<presetName>[a-z0-9_]+)'
const parent = '(?P<parent>.+)'

/** The forms, with P and O for the groups. */
function formsOf(path: string): string[] | undefined {
  const keys = invertPath(path)
  const print = { presetName: 'P', parent: 'O' }
  return keys?.forms.map(parts => parts.map(part => ('text' in part ? part.text : print[part.group])).join(''))
}

describe('a path that says how a key names a preset', () => {
  it.each([
    ['plain', `^/${name}/${parent}$`, ['/P/O']],
    ['without anchors', `\\/${name}\\/${parent}`, ['/P/O']],
    ['without a slash at its start', `${name}/${parent}`, ['P/O']],
    ['with the parent first', `^/${parent}/${name}$`, ['/O/P']],
    ['with a text behind', `^/${parent}-${name}\\.jpg$`, ['/O-P.jpg']],
    ['with the other way to name groups', '^/(?<presetName>[a-z]+)/(?<parent>.+)$', ['/P/O']],
    ['with a group around', `^(/(?:${name}/${parent}))$`, ['/P/O']],
    ['with groups in its groups', '/(?P<presetName>(?:a|b(c))+)/(?P<parent>([^/)]+\\)/?)+)', ['/P/O']],
    ['with a parenthesis in a class', '/(?P<presetName>[()a]+)/(?P<parent>[^]()]+)', ['/P/O']],
    ['with a flag', `(?i)^/T/${name}/${parent}$`, ['/T/P/O']],
    ['with a single character in a class', `^/${name}[/]${parent}`, ['/P/O']],
    ['with text that may be left out', `^/(?:t/)?${name}/${parent}$`, ['/P/O', '/t/P/O']],
    ['with a version that may be left out', `^/(?:v[0-9]+/)?${name}/${parent}$`, ['/P/O']],
    ['with a repeated text', `^/{2}${name}/+${parent}`, ['//P/O']],
    ['with a preset that may be left out', `^/(?:${name}/)?${parent}$`, ['/P/O']],
  ])('%s', (_, path, expected) => {
    expect(formsOf(path)).toEqual(expected)
  })
})

describe('a path that does not say it', () => {
  it.each([
    ['a digit that could be any', `^/v[0-9]/${name}/${parent}$`],
    ['a character that could be any', `^/.${name}/${parent}$`],
    ['a class with a name', `^/\\d+/${name}/${parent}$`],
    ['one of two texts', `^/(?:a|b)/${name}/${parent}$`],
    ['one of two expressions', `^/${name}/${parent}$|^/x$`],
    ['another group', `^/(?P<size>[a-z]+)/${name}/${parent}$`],
    ['no preset', `^/${parent}$`],
    ['no parent', `^/${name}$`],
    ['nothing', ''],
    ['a preset twice', `^/(?:${name}/){2}${parent}$`],
    ['a quotation', `^/\\Qa\\E${name}/${parent}$`],
  ])('because of %s', (_, path) => {
    expect(formsOf(path)).toBeUndefined()
  })
})

it('tells which names a path can have', () => {
  const matches = (path: string, preset: string) => invertPath(path)!.presetName.matcher(preset).matches()
  expect(matches('^/(?P<presetName>[a-z]+)/(?P<parent>.+)$', 'small')).toBe(true)
  expect(matches('^/(?P<presetName>[a-z]+)/(?P<parent>.+)$', 'Small')).toBe(false)
  expect(matches('(?i)^/(?P<presetName>[a-z]+)/(?P<parent>.+)$', 'Small')).toBe(true)
  expect(matches('^/(?P<presetName>a|b)/(?P<parent>.+)$', 'ab')).toBe(false)
})

it('reads every path that compiles', () => {
  const piece = fc.constantFrom(
    ...['(', ')', '[', ']', '^', '|', '\\', '?', '*', '{2}', '{', '.', '/', 'a', 'Q', 'é', '-'],
    name,
    parent,
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), pieces => {
      const path = pieces.join('')
      fc.pre(compiles(path))
      invertPath(path)
    }),
  )
})

function compiles(path: string): boolean {
  try {
    RE2JS.compile(path)
    return true
  } catch {
    return false
  }
}
