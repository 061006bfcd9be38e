import { describe, expect, it } from 'vitest'
import { withoutFirst } from './write-object.ts'

describe('what is left to write', () => {
  const rows: [count: number, left: string[]][] = [
    [0, ['head', 'body']],
    [1, ['ead', 'body']],
    [4, ['body']],
    [6, ['dy']],
    [8, []],
  ]
  for (const [count, left] of rows) {
    it(`is ${JSON.stringify(left)} after ${count} bytes`, () => {
      const pieces = ['head', '', 'body'].map(text => Buffer.from(text))
      expect(withoutFirst(pieces, count).map(String)).toEqual(left)
    })
  }
})
