import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fromFailure, MortiseError, messageOf, readFailure, toFailure } from './errors.ts'

describe('a failure', () => {
  it('carries an error over a border: code, message, when to try again', () => {
    const error = new MortiseError('overloaded', 'full', { retryAfter: 3, cause: new Error('inside') })
    const arrived = readFailure(JSON.parse(JSON.stringify(toFailure(error))))
    expect(arrived && fromFailure(arrived)).toMatchObject({ code: 'overloaded', message: 'full', retryAfter: 3 })
    expect(arrived && fromFailure(arrived).cause).toBeUndefined()
  })

  it('says which archive an object is in, in words that a header can hold', () => {
    const error = new MortiseError('archived', 'cold', { storageClass: 'DEEP_ARCHIVE' })
    const arrived = readFailure(JSON.parse(JSON.stringify(toFailure(error))))
    expect(arrived && fromFailure(arrived)).toMatchObject({ code: 'archived', storageClass: 'DEEP_ARCHIVE' })
    const failure = { code: 'archived', message: 'cold' }
    for (const storageClass of ['A\r\nB: c', '', 'x', 'A'.repeat(41), 1, null])
      expect(readFailure({ ...failure, storageClass })).toEqual(failure)
  })

  it('says no time where the error knows none', () => {
    expect(toFailure(new MortiseError('timed_out', 'late'))).toEqual({ code: 'timed_out', message: 'late' })
  })

  it.each<[string, unknown, string]>([
    ['an error without a code', new TypeError('broken'), 'broken'],
    ['what is no error', 'thrown text', 'thrown text'],
  ])('of %s is internal', (_, thrown, message) => {
    expect(toFailure(thrown)).toEqual({ code: 'internal', message })
    expect(messageOf(thrown)).toBe(message)
  })

  it.each<[string, unknown]>([
    ['nothing', null],
    ['a text', 'overloaded'],
    ['a code that there is not', { code: 'toString', message: 'x' }],
    ['a code without a message', { code: 'overloaded' }],
    ['a message that is no text', { code: 'overloaded', message: 1 }],
  ])('is not read from %s', (_, value) => {
    expect(readFailure(value)).toBeNull()
  })

  it('leaves a time that is no number out', () => {
    const failure = { code: 'overloaded', message: 'full' }
    expect(readFailure({ ...failure, retryAfter: '3' })).toEqual(failure)
  })

  it('is read from anything without a throw', () => {
    fc.assert(fc.property(fc.anything(), value => void readFailure(value)))
  })
})

it.each([
  ['overloaded', true],
  ['undecodable', false],
] as const)('the code %s says whether to try again: %s', (code, retry) => {
  expect(new MortiseError(code, 'x').retry).toBe(retry)
})
