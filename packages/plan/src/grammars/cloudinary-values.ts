import { isAngle } from '../record.ts'
import type { Angle, Gravity, TransformSet } from '../transform-set.ts'
import { above0, format, invalid, px, quality, readDecimal, readInteger, whole } from '../values.ts'

const modes = ['fit', 'fill', 'crop', 'scale', 'limit', 'pad', 'thumb'] as const
export type Mode = (typeof modes)[number]

export function isMode(text: string): text is Mode {
  return modes.some(mode => mode === text)
}

/** px, not negative; no fraction, no expression. */
export function pixels(name: string, text: string): number {
  return px(name, readInteger(name, text))
}

/** Device pixels for each px. */
export function density(text: string): number {
  return text === 'auto' ? 1 : above0('dpr', readDecimal('dpr', text), 10)
}

/** `16:9` or `1.5`: width through height. */
export function ratio(text: string): number {
  const [width = '', height = '1', ...rest] = text.split(':')
  if (rest.length > 0) throw invalid('ar', text, 'a ratio such as 16:9 or 1.5')
  return above0('ar', readDecimal('ar', width), 100_000) / above0('ar', readDecimal('ar', height), 100_000)
}

/** A side, a corner or the centre; all that look for something (faces too) are the smart one. */
export function gravity(text: string): Gravity {
  const found = gravities.get(text.startsWith('auto:') ? 'auto' : text)
  if (!found) throw invalid('g', text, `one of ${[...gravities.keys()].join(', ')}`)
  return found
}

const gravities = new Map<string, Gravity>([
  ...(['center', 'north', 'south', 'east', 'west'] as const).map(name => [name, name] as const),
  ['north_east', 'northeast'],
  ['south_east', 'southeast'],
  ['south_west', 'southwest'],
  ['north_west', 'northwest'],
  ...['auto', 'smart', 'face', 'faces'].map(name => [name, 'smart'] as const),
])

/** `auto`, whatever is behind it (`auto:best`), is the default of the format. */
export function qualityOrAuto(text: string): TransformSet['quality'] {
  return /^auto(:(best|good|eco|low))?$/.test(text) ? 'auto' : quality(readInteger('q', text))
}

export function formatOrAuto(text: string): TransformSet['format'] {
  return text === 'auto' ? 'auto' : format(text)
}

/** Quarter turns clockwise, in either direction. */
export function angle(text: string): Angle {
  const turned = ((readInteger('a', text) % 360) + 360) % 360
  if (!isAngle(turned)) throw invalid('a', text, 'a multiple of 90')
  return turned
}

/** Strengths from 1 to 2000, 100 when there is none, to standard deviations of up to 100 px. */
export function blurSigma(text = '100'): number {
  return whole('e_blur', readInteger('e_blur', text), [1, 2000]) / 20
}

/** `rgb:f80`, `rgb:ff8800`, `rgb:ff880080` or a name, as `#rrggbbaa`. */
export function colour(text: string): string {
  const [, digits] = /^rgb:([0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})$/i.exec(text) ?? []
  const hex = (digits ?? names.get(text.toLowerCase()))?.toLowerCase()
  if (!hex) throw invalid('b', text, `rgb:, with hex digits, or one of ${[...names.keys()].join(', ')}`)
  const long = hex.length < 6 ? [...hex].map(digit => digit + digit).join('') : hex
  return `#${long.padEnd(8, 'f')}`
}

/** The basic ones of CSS, and two that are asked for. */
const names = new Map([
  ['black', '000'],
  ['silver', 'c0c0c0'],
  ['gray', '808080'],
  ['white', 'fff'],
  ['maroon', '800000'],
  ['red', 'f00'],
  ['purple', '800080'],
  ['fuchsia', 'f0f'],
  ['green', '008000'],
  ['lime', '0f0'],
  ['olive', '808000'],
  ['yellow', 'ff0'],
  ['navy', '000080'],
  ['blue', '00f'],
  ['teal', '008080'],
  ['aqua', '0ff'],
  ['orange', 'ffa500'],
  ['transparent', '0000'],
])
