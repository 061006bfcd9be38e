import { printStep } from '@mortise/operations'
import { describe, expect, it } from 'vitest'
import { parseQuery } from './address.ts'
import { parseQuerySet } from './grammars/query.ts'
import { mergeSets } from './merge-sets.ts'
import { planOutput } from './output.ts'
import { toPasses } from './passes.ts'
import { record } from './record.ts'
import { newSet, type TransformSet } from './transform-set.ts'

const set = (text: string) => parseQuerySet(parseQuery(text))
const thumbnail = (width: number, height: number, flags: object = {}) => {
  const made = newSet()
  record.resize(made, { ...{ width, height, outbound: false, keep: false, fill: false }, ...flags })
  return made
}
const cropped = (gravity: string, enlarge: boolean) => {
  const made = newSet()
  record.crop(made, { width: 7, height: 8, gravity, enlarge, embed: false })
  return made
}
const mark = (image: string) => set(`operation=watermark&image=http://a/${image}&position=top-left&opacity=1`)
const passes = (sets: TransformSet[]) => toPasses(sets, ['merge-sets']).map(pass => pass.map(printStep).join(' '))

describe('the sets of a chain, merged as in mort', () => {
  it.each<[string, TransformSet[], string[]]>([
    ['one', [set('width=5')], ['resize(5x0 enlarge)']],
    ['sizes: the newer', [set('width=5&height=6'), set('width=9')], ['resize(9x6 stretch enlarge)']],
    ['a size that is missing', [set('width=5'), set('height=9')], ['resize(5x9 stretch enlarge)']],
    ['a crop of either', [set('operation=crop&width=5&height=5'), set('width=9')], ['crop(9x5 smart)']],
    ['gravity: the newer', [cropped('north', false), cropped('west', false)], ['crop(7x8 west)']],
    ['gravity: not the centre', [cropped('north', false), cropped('center', false)], ['crop(7x8 north)']],
    ['enlarging: the older', [cropped('north', false), cropped('north', true)], ['crop(7x8 north)']],
    ['enlarging: kept', [cropped('north', true), cropped('north', false)], ['crop(7x8 north enlarge)']],
    [
      'outbound: the older',
      [set('width=5&height=5'), thumbnail(7, 0, { outbound: true })],
      ['resize(7x5 stretch enlarge)'],
    ],
    ['outbound: kept', [thumbnail(7, 5, { outbound: true }), set('width=9')], ['resize(9x5 inside enlarge)']],
    ['the ratio of either', [thumbnail(7, 5, { keep: true }), set('width=9')], ['resize(9x5 inside enlarge)']],
    ['fill of either', [set('width=9&height=5'), thumbnail(0, 6, { fill: true })], ['resize(9x6 cover enlarge)']],
    ['a turn: the newer is lost', [set('width=5'), set('operation=rotate&angle=90')], ['resize(5x0 enlarge)']],
    ['a turn: kept', [set('operation=rotate&angle=90'), set('width=5')], ['rotate(90) resize(5x0)']],
    ['grey: the newer is lost', [set('width=5'), set('grayscale=1')], ['resize(5x0 enlarge)']],
    ['grey: kept', [set('grayscale=1'), set('width=5')], ['resize(5x0 enlarge) grayscale()']],
    [
      'an area: overwritten with nothing',
      [set('operation=extract&areaWith=5&areaHeight=5'), set('width=9')],
      ['resize(9x0 enlarge)'],
    ],
    [
      'an area: the newer',
      [set('operation=extract&areaWith=5&areaHeight=5'), set('operation=extract&areaWith=2')],
      ['extract(2x0 at 0,0)'],
    ],
    ['blur: added', [set('operation=blur&sigma=2'), set('operation=blur&sigma=3&minAmpl=0.5')], ['blur(5 0.5)']],
    ['blur: no more than there is', [set('operation=blur&sigma=60'), set('operation=blur&sigma=60')], ['blur(100)']],
    ['a watermark: taken over', [set('width=5'), mark('1')], ['resize(5x0 enlarge) watermark("http://a/1" at 0,0 1)']],
    [
      'two watermarks: in a pass of its own, and overtaken',
      [mark('1'), mark('2'), set('width=5')],
      ['resize(5x0 enlarge) watermark("http://a/1" at 0,0 1)', 'watermark("http://a/2" at 0,0 1)'],
    ],
    [
      'resizeCropAuto: nothing is merged',
      [set('width=5'), set('operation=resizeCropAuto&width=3&height=2'), set('grayscale=1')],
      ['resize(5x0 enlarge)', 'resizeCropAuto(3x2)', 'grayscale()'],
    ],
  ])('%s', (_name, sets, texts) => {
    expect(passes(sets)).toEqual(texts)
  })

  it('quality and format are those of the newer, interlace and strip of either', () => {
    const [older, newer] = [set('quality=5&format=png'), set('quality=9&format=jpeg')]
    record.interlace(older)
    record.strip(newer)
    const [merged] = mergeSets([older, newer])
    expect(planOutput(merged ? [merged] : [], null, [])).toEqual({
      ...{ format: 'jpeg', quality: 9, progressive: true, metadata: 'strip' },
    })
  })

  it('changes none of them', () => {
    const sets = [set('width=5'), mark('1'), mark('2')]
    const before = structuredClone(sets)
    mergeSets(sets)
    expect(sets).toEqual(before)
  })
})
