import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cleanId } from './request-id.ts'

describe('the id that a client gives', () => {
  it.each([
    ['7f3a-1', '7f3a-1'],
    ['Root=1-67891233-abcdef012345678912345678', 'Root=1-67891233-abcdef012345678912345678'],
    ['a\u001b[31mb', 'a31mb'],
    ['<script>', 'script'],
    ['', ''],
    [undefined, ''],
    ['a'.repeat(500), 'a'.repeat(128)],
  ])('%j becomes %j', (given, clean) => {
    expect(cleanId(given)).toBe(clean)
  })

  it('is never longer than 128 harmless characters', () => {
    const text = fc.array(fc.integer({ min: 0, max: 0xffff })).map(units => String.fromCharCode(...units))
    fc.assert(
      fc.property(fc.oneof(fc.string({ maxLength: 300 }), text), given => {
        expect(cleanId(given)).toMatch(/^[\w.:+=@~/-]{0,128}$/)
      }),
    )
  })
})
