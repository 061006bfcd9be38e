import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseXml, printXml, textOf } from './xml.ts'

describe('a document that is read', () => {
  it.each([
    ['<a><k>v</k></a>', 'v'],
    ['<?xml version="1.0"?>\n<a xmlns="http://s3"><k> v </k></a>', ' v '],
    ['<a><k>&amp;&#233;&#xe9;&lt;</k></a>', '&éé<'],
    ['<a><k><![CDATA[<&>]]></k></a>', '<&>'],
    ['<s:a xmlns:s="http://s3"><s:k>v</s:k></s:a>', 'v'],
    ['<a><other/></a>', undefined],
  ])('%s', (text, value) => {
    expect(textOf(parseXml(text, 'a'), 'k')).toBe(value)
  })

  it.each([
    ['', 'nothing'],
    ['<a>', 'what does not end'],
    ['<a></b>', 'what ends otherwise'],
    ['<b/>', 'another root'],
    ['<a/><a/>', 'two roots'],
    ['<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', 'entities of its own'],
    ['<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', 'a document type'],
    ['<a>&x;</a>', 'unknown entities'],
    [`<a>${'<b>'.repeat(10)}${'</b>'.repeat(10)}</a>`, 'what is too deep'],
    [`<a>${'<b/>'.repeat(80_001)}</a>`, 'too many elements'],
  ])('is not %.40s: %s', text => {
    expect(() => parseXml(text, 'a')).toThrow(expect.objectContaining({ s3Code: 'MalformedXML' }))
  })

  it('names nothing twice', () => {
    expect(() => textOf(parseXml('<a><k>1</k><k>2</k></a>', 'a'), 'k')).toThrow(
      expect.objectContaining({ s3Code: 'MalformedXML' }),
    )
  })
})

describe('a document that is written', () => {
  it('leaves out what is undefined, and repeats what is a list', () => {
    expect(printXml('A', { B: undefined, C: [{ D: 1 }, { D: false }], E: '' }, null)).toBe(
      '<?xml version="1.0" encoding="UTF-8"?><A><C><D>1</D></C><C><D>false</D></C><E></E></A>',
    )
  })

  it('is read as what was written, whatever it is', () => {
    const text = fc.string({
      unit: fc.oneof(
        fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
        fc.constantFrom('<', '&', ']]>', '"', '\r'),
      ),
    })
    fc.assert(
      fc.property(text, value => {
        const expected = value.toWellFormed().replace(/[\x00-\x08\x0b-\x1f\ufffe\uffff]/g, '\ufffd')
        expect(textOf(parseXml(printXml('a', { k: value }), 'a'), 'k')).toBe(expected)
      }),
    )
  })
})
