import { expect, it, vi } from 'vitest'
import { createScriptEngine, type ScriptCall } from './engine.ts'

const echo: ScriptCall = { source: 'export default text => text', input: 'fine', match: () => ({}) }
const guest = `import script from 'script'; export default String(script(input))`

it('an engine in which something unforeseen happened is replaced by another one', async () => {
  const engine = await createScriptEngine(guest)
  const broken = {
    ...echo,
    get input(): string {
      throw new RangeError('out of stack')
    },
  }
  expect(() => engine.run(broken)).toThrow(
    expect.objectContaining({ code: 'invalid_request', message: 'script: ended the engine' }),
  )
  expect(() => engine.run(echo)).toThrow(expect.objectContaining({ code: 'overloaded', retryAfter: 1 }))
  await vi.waitFor(() => expect(engine.run(echo)).toBe('fine'), { timeout: 10_000 })
})

it('an answer has an end', async () => {
  const engine = await createScriptEngine(guest)
  const source = 'export default () => "a".repeat(65537)'
  expect(() => engine.run({ ...echo, source })).toThrow(expect.objectContaining({ code: 'invalid_request' }))
})

it('the regexp of the bucket is matched with short texts only', async () => {
  const engine = await createScriptEngine(guest)
  const source = 'export default () => matchPath("a".repeat(8193))'
  expect(() => engine.run({ ...echo, source })).toThrow(/at most 8192 characters/)
})

it('a single step that would go on for ever is ended, and the engine with it', async () => {
  const engine = await createScriptEngine(guest)
  const source = 'export default () => [].lastIndexOf.call({ length: 2 ** 53 - 1 }, 1)'
  expect(() => engine.run({ ...echo, source })).toThrow(
    expect.objectContaining({ code: 'invalid_request', message: 'script: ended the engine' }),
  )
  await vi.waitFor(() => expect(engine.run(echo)).toBe('fine'), { timeout: 10_000 })
})
