import { MortiseError } from '@mortise/errors'
import { formats } from '@mortise/operations'
import type { Gravity, TransformSet } from '../transform-set.ts'
import { readFormat } from './shared.ts'

const modes = ['fit', 'fill', 'crop', 'scale', 'limit', 'pad', 'thumb'] as const
export type Mode = (typeof modes)[number]

export function isMode(text: string): text is Mode {
  return modes.some(mode => mode === text)
}

/** px, not negative, at most 32 bits; no fraction, no expression. */
export function integer(name: string, text: string): number {
  const value = /^\+?\d{1,10}$/.test(text) ? Number(text) : Number.NaN
  if (!(value <= 2 ** 31 - 1)) throw invalid(name, text, 'a whole number that is not negative')
  return value
}

/** Above 0, up to `max`. */
export function decimal(name: string, text: string, max: number): number {
  const value = /^\d{1,9}(\.\d{1,9})?$/.test(text) ? Number(text) : Number.NaN
  if (!(value > 0 && value <= max)) throw invalid(name, text, `a number above 0, up to ${max}`)
  return value
}

/** `16:9` or `1.5`: width through height. */
export function ratio(text: string): number {
  const [width = '', height = '1', ...rest] = text.split(':')
  if (rest.length > 0) throw invalid('ar', text, 'a ratio such as 16:9 or 1.5')
  return decimal('ar', width, 100_000) / decimal('ar', height, 100_000)
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
export function quality(text: string): TransformSet['quality'] {
  if (/^auto(:(best|good|eco|low))?$/.test(text)) return 'auto'
  const value = integer('q', text)
  if (value < 1 || value > 100) throw invalid('q', text, 'auto, or 1 to 100')
  return value
}

export function format(text: string): TransformSet['format'] {
  if (text === 'auto') return 'auto'
  const found = readFormat(text)
  if (!found) throw invalid('f', text, `auto, or one of ${formats.join(', ')}`)
  return found
}

/** Quarter turns clockwise, in either direction. */
export function angle(text: string): TransformSet['rotate'] {
  const turned = /^-?\d{1,4}$/.test(text) ? ((Number(text) % 360) + 360) % 360 : Number.NaN
  if (turned !== 0 && turned !== 90 && turned !== 180 && turned !== 270) throw invalid('a', text, 'a multiple of 90')
  return turned
}

/** Strengths from 1 to 2000, 100 when there is none, to standard deviations of up to 100 px. */
export function blurSigma(text = '100'): number {
  const strength = integer('e_blur', text)
  if (strength < 1 || strength > 2000) throw invalid('e_blur', text, '1 to 2000')
  return strength / 20
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

export function invalid(name: string, text: string | undefined, expected: string): MortiseError {
  const found = text === undefined ? 'nothing' : JSON.stringify(text.slice(0, 64))
  return new MortiseError('invalid_request', `${name}: expected ${expected}, found ${found}`)
}
