import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { generateReadme } from './reference.ts'

it('the reference in the README is what the schema says; if not, `npm run reference` mends it', async () => {
  expect(await readFile(new URL('../README.md', import.meta.url), 'utf8')).toBe(await generateReadme())
})
