// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the placeholders are the subject here.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { expandEnvironment } from './environment.ts'

const env = { NAME: 'value', _under_9: 'u', EMPTY: '', DOLLAR: '$NAME', 'odd name': 'odd' }

function expand(text: string) {
  const expansion = expandEnvironment(text, env, 10_000)
  assert(expansion)
  return expansion
}

describe('expandEnvironment', () => {
  const rows: [name: string, text: string, expected: string][] = [
    ['a bare name', 'a: $NAME', 'a: value'],
    ['a name in braces', 'a: ${NAME}s', 'a: values'],
    ['a name ends at what is no letter, digit or underscore', '$NAME-$_under_9.x', 'value-u.x'],
    ['a value is not expanded again', '$DOLLAR', '$NAME'],
    ['an unset variable', 'a: [$NOPE]', 'a: []'],
    ['an empty variable', 'a: [$EMPTY]', 'a: []'],
    ['comments and quotes too', '# $NAME\n"$NAME"', '# value\n"value"'],
    ['a dollar before a quote', 'path: "^/x$"', 'path: "^/x$"'],
    ['a dollar before a bracket, slash or bar', '$) $/ $| $', '$) $/ $| $'],
    ['a dollar at the end', 'x$', 'x$'],
    ['a dollar at the end of a line', 'x$\ny', 'x$\ny'],
    ['a doubled dollar vanishes', 'a$$b', 'ab'],
    ['special characters vanish one by one', '$*$#$@$!$?$-$0$9', ''],
    ['only one digit belongs to the variable', '$12', '2'],
    ['a special character in braces', '${$}x${10}', 'x'],
    ['anything up to the brace is a name', '${odd name}', 'odd'],
    ['empty braces', 'a${}b', 'ab'],
    ['an open brace is swallowed', 'a${NAME', 'aNAME'],
    ['several open braces', '${a ${b $NAME', 'a b value'],
    ['open braces behind a closed one', '${NAME}${x', 'valuex'],
    ['a brace after a doubled dollar', '$${NAME}', '{NAME}'],
    ['names from Object.prototype are unset', '[$constructor]', '[]'],
  ]
  it.each(rows)('%s', (_, text, expected) => assert.equal(expand(text).text, expected))

  it('tells what was not set, once, with the line of its first use', () => {
    const { missing } = expand('$NAME\n$LATE ${NOPE\n$EMPTY}\n$LATE\n$OTHER\n')
    assert.deepEqual(missing, [
      { name: 'LATE', line: 2 },
      { name: 'NOPE\n$EMPTY', line: 2 },
      { name: 'OTHER', line: 5 },
    ])
  })

  it('refuses to grow beyond its limit', () => {
    assert.equal(expandEnvironment('$BIG$BIG', { BIG: 'x'.repeat(60) }, 100), null)
    assert.equal(expandEnvironment('${BIG}', { BIG: 'x'.repeat(60) }, 100)?.text.length, 60)
  })

  it('leaves text without a dollar alone', () => {
    fc.assert(fc.property(fc.string(), text => text.includes('$') || expand(text).text === text))
  })

  it('reads half a million open braces', () => {
    assert.equal(expandEnvironment('${'.repeat(500_000), {}, 2_000_000)?.text, '')
  })
})
