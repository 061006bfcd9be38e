import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { printScalar, readBool, readFloat, readInt, Scalar } from './scalar.ts'

const plain = (text: string) => new Scalar(text, true)
const quoted = (text: string) => new Scalar(text, false)

describe('readBool', () => {
  it.each('y Y yes Yes YES true True TRUE on On ON'.split(' '))('%s is true', text => {
    assert.equal(readBool(plain(text)), true)
  })
  it.each('n N no No NO false False FALSE off Off OFF'.split(' '))('%s is false', text => {
    assert.equal(readBool(plain(text)), false)
  })
  it.each(['1', '0', 'yEs', 'tRUE', 'ja', '', '~'])('%j is no boolean', text => {
    assert.equal(readBool(plain(text)), null)
  })
  it('a quoted word is no boolean', () => assert.equal(readBool(quoted('yes')), null))
})

describe('readInt', () => {
  const rows: [text: string, value: number | null][] = [
    ['0', 0],
    ['42', 42],
    ['-7', -7],
    ['+7', 7],
    ['1_000', 1000],
    ['0x1F', 31],
    ['-0x10', -16],
    ['0b101', 5],
    ['-0b11', -3],
    ['010', 8],
    ['0o17', 15],
    ['08', 8],
    ['1.9', 1],
    ['-1.9', -1],
    ['-0.5', 0],
    ['.5', 0],
    ['5.', 5],
    ['1e3', 1000],
    ['9007199254740991', 9007199254740991],
    ['9007199254740993', null],
    ['1e400', null],
    ['.inf', null],
    ['.nan', null],
    ['0x', null],
    ['0b2', null],
    ['1:30', null],
    ['12px', null],
    ['_1', null],
    ['', null],
    ['yes', null],
    ['٣', null],
  ]
  it.each(rows)('%s', (text, value) => assert.equal(readInt(plain(text)), value))
  it('a quoted number is no number', () => assert.equal(readInt(quoted('42')), null))
})

describe('readFloat', () => {
  const rows: [text: string, value: number | null][] = [
    ['5.1', 5.1],
    ['3', 3],
    ['-2.5e-1', -0.25],
    ['1_0.5', 10.5],
    ['0x10', 16],
    ['.inf', null],
    ['-.INF', null],
    ['NaN', null],
    ['1.2.3', null],
  ]
  it.each(rows)('%s', (text, value) => assert.equal(readFloat(plain(text)), value))
})

describe('printScalar', () => {
  const rows: [found: Scalar, printed: string][] = [
    [plain('~'), 'nothing'],
    [plain(''), 'nothing'],
    [plain('yes'), 'yes'],
    [plain('1.10'), '1.10'],
    [plain('abc'), '"abc"'],
    [quoted('5'), 'the text "5"'],
    [quoted('a\nb'), 'the text "a\\nb"'],
    [plain('x'.repeat(100)), `"${'x'.repeat(60)}…"`],
  ]
  it.each(rows)('%j', (found, printed) => assert.equal(printScalar(found), printed))
})
