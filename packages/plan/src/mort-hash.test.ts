import { describe, expect, it } from 'vitest'
import { parseQuery } from './address.ts'
import { parseQuerySet } from './grammars/query.ts'
import { hashKey, hashParentKey, hashSets, hashWords, mortWords } from './mort-hash.ts'
import { murmur3 } from './murmur3.ts'
import { record } from './record.ts'
import { newSet, type TransformSet } from './transform-set.ts'

const no = { outbound: false, keep: false, fill: false }
const words = {
  width5: mortWords.resize({ width: 5, height: 100, ...no, outbound: true }),
  width100: mortWords.resize({ width: 100, height: 0, ...no, outbound: true }),
  height100: mortWords.resize({ width: 0, height: 100, ...no, outbound: true }),
  both100: mortWords.resize({ width: 100, height: 100, ...no }),
  crop: mortWords.crop({ width: 11, height: 12, gravity: 'smart', embed: false, enlarge: false }),
  extract: mortWords.extract({ width: 0, height: 0 }, { top: 3, left: 1 }),
  autoCrop: mortWords.resizeCropAuto({ width: 210, height: 200 }),
}
const setOf = (...recorded: number[][]): TransformSet => ({ ...newSet(), words: recorded.flat() })
const original = { key: '/parent.jpg', sets: [] }

it.each([
  ['', 0, '00000000000000000000000000000000'],
  ['hello', 0, 'cbd8a7b341bd9b025b1e906a48ae1d19'],
  ['The quick brown fox jumps over the lazy dog', 0, 'e34bbc7bbc071b6c7a433ca9c49a9347'],
])('MurmurHash3 of %j', (text, seed, hex) => {
  const { high, low } = murmur3(Buffer.from(text), seed)
  expect([high, low].map(half => half.toString(16).padStart(16, '0')).join('')).toBe(hex)
})

describe("mort's hash of a set", () => {
  it.each([
    ['nothing', [], 'a692a0f768855173'],
    ['rotate(90)', mortWords.rotate(90), '13a03cf3bd8c54e9'],
    ['blur(1, 2)', mortWords.blur(1, 2), '70427f089493f542'],
    ['quality(60)', mortWords.quality(60), 'b54b444cb2b62198'],
    ['interlace', mortWords.interlace(), 'f2ff5038353619c7'],
    ['strip', mortWords.strip(), '34ff3721dee2880c'],
    ['format(jpeg)', mortWords.format('jpeg'), 'b34c4907588add8a'],
    ['grayscale', mortWords.grayscale(), 'b2299a73127c840c'],
    ['resize(5, 100, enlarge)', words.width5, '3c9adb04ba75bd9c'],
    ['resize(100, 100)', words.both100, '8bb55054d70af2be'],
    ['crop(11, 12, smart)', words.crop, '276ec67309d8039b'],
    ['extract(top 3, left 1)', words.extract, '76e63c06a9aacad3'],
    ['resizeCropAuto(210, 200)', words.autoCrop, 'a9476be4baa3fb94'],
  ])('%s', (_name, recorded, hash) => {
    expect(hashWords(recorded).toString(16)).toBe(hash)
  })

  it.each<[string, (set: TransformSet) => void, string]>([
    ['rotate(90)', set => record.rotate(set, 90), '13a03cf3bd8c54e9'],
    ['blur(1, 2)', set => record.blur(set, 1, 2), '70427f089493f542'],
    ['quality(60)', set => record.quality(set, 60), 'b54b444cb2b62198'],
    ['interlace', set => record.interlace(set), 'f2ff5038353619c7'],
    ['strip', set => record.strip(set), '34ff3721dee2880c'],
    ['format(jpg)', set => record.format(set, 'jpg'), 'b34c4907588add8a'],
    ['grayscale', set => record.grayscale(set), 'b2299a73127c840c'],
    ['resize', set => record.resize(set, { width: 5, height: 100, ...no, outbound: true }), '3c9adb04ba75bd9c'],
    [
      'crop',
      set => record.crop(set, { width: 11, height: 12, gravity: '', embed: false, enlarge: false }),
      '276ec67309d8039b',
    ],
    ['resizeCropAuto', set => record.resizeCropAuto(set, { width: 210, height: 200 }), 'a9476be4baa3fb94'],
  ])('%s, recorded', (_name, call, hash) => {
    const set = newSet()
    call(set)
    expect(hashSets([set]).toString(16)).toBe(hash)
  })

  it('has the sigma of a query in single precision', () => {
    const [, milli] = parseQuerySet(parseQuery('operation=blur&sigma=5.1')).words
    expect([milli, mortWords.blur(5.1, 0)[1]]).toEqual([5099, 5100])
  })

  it.each(['1e39', '-1e308'])('has room for any amplitude that a query says: %s', amplitude => {
    const set = parseQuerySet(parseQuery(`operation=blur&sigma=1&minAmpl=${amplitude}`))
    expect(hashSets([set])).not.toBe(hashSets([parseQuerySet(parseQuery('operation=blur&sigma=1'))]))
  })

  it('depends on the order of the calls', () => {
    expect(hashSets([setOf(words.crop, words.both100)])).not.toBe(hashSets([setOf(words.both100, words.crop)]))
  })
})

describe('a set that mort would take for another one', () => {
  const hash = (text: string) => hashSets([parseQuerySet(parseQuery(text))])
  const mark = (image: string, position: string, opacity: string) =>
    hash(`operation=watermark&image=${image}&position=${position}&opacity=${opacity}`)
  const area = (width: number) => hash(`operation=extract&areaWith=${width}&areaHeight=10&top=3&left=1`)

  it('has another hash: areas', () => {
    expect(area(10)).not.toBe(area(11))
    expect(area(10)).not.toBe(hashWords(words.extract))
  })

  it('has another hash: watermarks', () => {
    const one = mark('http://a/1', 'top-left', '0.5')
    expect(one).not.toBe(mark('http://a/2', 'top-left', '0.5'))
    expect(one).not.toBe(mark('http://a/1', 'top-left', '0.501'))
    expect(mark('http://a/1', 'center-left', '1')).not.toBe(mark('http://a/1', 'bottom-left', '1'))
    expect(one).not.toBe(hashWords(mortWords.watermark('http://a/1', 'top-left', 0.5)))
  })

  it.each(['avif', 'tiff'])('has another hash: %s', format => {
    expect(hash(`format=${format}`)).not.toBe(hashWords([]))
    expect(hash(`format=${format}`)).not.toBe(hashWords(mortWords.format(format)))
  })
})

describe("mort's key", () => {
  const link = (key: string, ...recorded: number[][]) => ({ key, sets: [setOf(...recorded)] })
  const auto = link('/x', mortWords.resizeCropAuto({ width: 100, height: 100 }))
  const mark = link('/x', mortWords.watermark('0123456789', 'top-left', 0.5))
  const quality = mortWords.quality(75)
  const middle = link('/height/bucket/parent.jpg', words.height100, quality)
  const chain = [link('/x', words.width100, quality), middle, original]

  it.each([
    ['of one', [auto, original], '/parent.jpg/179e44cbdd0d290829b89286562fa8b6'],
    ['of a watermark', [mark, original], '/parent.jpg/90e8c676de60865efa843590826a08e1'],
    ['of a chain', chain, '/parent.jpg/2e805241bb54d7f7a200a56572d63805'],
  ])('hashParent %s', (_name, links, key) => {
    expect(hashParentKey(links)).toBe(key)
  })

  it('hash of a chain', () => {
    expect(hashKey(chain)).toBe('/6ca/hei/height-bucket-parent.jpg-6ca0dabe9909875a')
  })
})
