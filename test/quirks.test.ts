import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const readme = await readFile(new URL('README.md', import.meta.url), 'utf8')
const table = readme.slice(readme.indexOf('<!-- quirks -->'), readme.indexOf('<!-- end of quirks -->'))

it('there is a row for each of the 48 quirks', () => {
  const numbers = [...table.matchAll(/^\| (\d+) \|/gm)].map(([, number]) => Number(number))
  expect(numbers).toEqual(Array.from({ length: 48 }, (_, i) => i + 1))
})

const claims = [...table.matchAll(/`([\w/-]+)`: ([^|]+?)(?=; `|\s\|)/g)].map(([, file = '', words = '']) => [
  file,
  words,
])

it.each(claims)('%s has a test with the words: %s', async (file, words) => {
  expect(await textOf(file)).toContain(words)
})

it('what is there is shown by a test', () => {
  const unshown = table.split('\n').filter(line => /^\| \d*/.test(line) && line.endsWith('| |'))
  expect(unshown.filter(line => !line.includes('| later |'))).toEqual([])
})

/** A file of tests by its name without ending, from here or from the root. */
async function textOf(name: string): Promise<string> {
  const places = [`test/${name}.test.ts`, `${name}.test.ts`, `${name}.ts`, `test/${name}.ts`]
  const texts = await Promise.all(places.map(place => readFile(root + place, 'utf8').catch(() => null)))
  return texts.filter(text => text !== null).join('\n')
}
