import { describe, expect, it } from 'vitest'
import { isWhole, readRecord, writeRecord } from './record.ts'

const record = { size: 10, width: 3, height: 2, plan: 'p', original: 'o', etag: 'e', modified: 1_750_000_000_000 }

describe('the record of a derivative', () => {
  it('is read as it was written', () => {
    expect(readRecord({ metadata: writeRecord(record) })).toEqual(record)
  })

  const rows: [name: string, size: number, metadata: Record<string, string>, whole: boolean][] = [
    ['has its recorded size', 10, writeRecord(record), true],
    ['is shorter than recorded', 9, writeRecord(record), false],
    ['is longer than recorded', 11, writeRecord(record), false],
    ['was stored without a size', 10, { 'public-width': '3' }, true],
    ['is empty and was stored without a size', 0, {}, false],
  ]
  for (const [name, size, metadata, whole] of rows) {
    it(`tells that a derivative that ${name} is ${whole ? '' : 'not '}whole`, () => {
      expect(isWhole({ size, metadata })).toBe(whole)
    })
  }
})
