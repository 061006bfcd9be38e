import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { createScriptReader } from './script.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'script-'))
afterAll(() => rmSync(folder, { recursive: true }))

it('gives the text that was checked, though the file has changed since', () => {
  const file = path.join(folder, 's.js')
  const readScript = createScriptReader()
  writeFileSync(file, 'export default () => 1')
  expect(readScript(file)).toBe('export default () => 1')
  writeFileSync(file, 'export default () => 2')
  expect(readScript(file)).toBe('export default () => 1')
  expect(createScriptReader()(file)).toBe('export default () => 2')
})

it.each([
  ['nothing', (file: string) => rmSync(file)],
  ['more than 262144 bytes', (file: string) => writeFileSync(file, 'x'.repeat(262_145))],
  ['what cannot be read', (file: string) => writeFileSync(file, Uint8Array.of(0xff))],
])('refuses %s', (found, change) => {
  const file = path.join(folder, 'refused.js')
  writeFileSync(file, '')
  change(file)
  expect(() => createScriptReader()(file)).toThrow(`found ${found} at ${file}`)
})
