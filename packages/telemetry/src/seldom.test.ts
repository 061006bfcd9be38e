import { expect, it } from 'vitest'
import { createSeldom } from './seldom.ts'

function create() {
  const clock = { ms: 0 }
  const lines: string[] = []
  const seldom = createSeldom({ periodMs: 10_000, now: () => clock.ms })
  const say = (kind: string) => seldom(kind, ({ moreSince = 0 }) => void lines.push(`${kind} ${moreSince}`))
  return { clock, lines, say }
}

it('says the first at once, then how many there were, once in a period', () => {
  const { clock, lines, say } = create()
  for (let i = 0; i < 100; i++) say('a')
  clock.ms += 10_000
  say('a')
  say('a')
  expect(lines).toEqual(['a 0', 'a 99'])
})

it('keeps kinds apart', () => {
  const { lines, say } = create()
  for (const kind of ['a', 'b', 'a']) say(kind)
  expect(lines).toEqual(['a 0', 'b 0'])
})

it('forgets the kind that was said first when there are too many', () => {
  const { lines, say } = create()
  for (let i = 0; i <= 1000; i++) say(String(i))
  lines.length = 0
  for (const kind of ['1000', '1', '0']) say(kind)
  expect(lines).toEqual(['0 0'])
})
