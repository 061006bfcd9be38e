import { printStep } from '@mortise/operations'
import { digest } from './id.ts'
import { murmur3 } from './murmur3.ts'
import { toSteps } from './steps.ts'
import type { TransformSet } from './transform-set.ts'

type Size = { width: number; height: number }

/**
 * The numbers that mort writes into the hash of a transform set, by operation. It writes neither the size of an area
 * nor more of a watermark than how long its texts are.
 */
export const mortWords = {
  resize: ({ width, height, ...flags }: Size & { outbound: boolean; keep: boolean; fill: boolean }) => [
    ...[1111, 7 * width, 3 * height],
    ...when(flags.outbound, 12311),
    ...when(flags.keep, 700000001),
    ...when(flags.fill, 700000002),
  ],
  crop: ({ width, height, gravity, embed, enlarge }: Size & { gravity: string; embed: boolean; enlarge: boolean }) => [
    ...[1212, 5 * width, height, Math.max(0, gravities.indexOf(gravity))],
    ...when(embed, 3333),
    ...when(enlarge, 54324),
  ],
  /** `resized`: the size of the set so far. */
  extract: (resized: Size, { top, left }: { top: number; left: number }) => [
    ...[1611, 3 * resized.width, 3 * resized.height, 6 * top, left],
  ],
  resizeCropAuto: ({ width, height }: Size) => [31229, 2 * width, height],
  interlace: () => [1311, 71],
  strip: () => [1999],
  grayscale: () => [32309],
  quality: (quality: number) => [1401, quality],
  /** `sigma` and `minAmplitude` have lost some digits where they come from a query; see {@link Math.fround}. */
  blur: (sigma: number, minAmplitude: number) => [19121, thousandths(sigma), thousandths(minAmplitude)],
  format: (format: string) => [1122121, formats.indexOf(format)],
  watermark: (image: string, position: string, opacity: number) => [
    ...[171200, Buffer.byteLength(image), position.length],
    Math.trunc(Math.fround(100 * Math.fround(opacity))),
  ],
  rotate: (angle: number) => [32941, angle / 90],
}

/**
 * mort's hash of a transform set, 64 bits. Where its words do not tell two sets apart (areas, watermarks, whatever mort
 * does not have), our own text of the set is in it as well: what mort has stored under such a hash could be anything,
 * and is not found.
 */
export function hashSets(sets: readonly TransformSet[]): bigint {
  return hashWords(sets.flatMap(set => (set.beyondWords || sets.length > 1 ? [...set.words, ownWord(set)] : set.words)))
}

/** The hash of the words alone. */
export function hashWords(words: readonly (number | bigint)[]): bigint {
  let state = words.length === 0 ? 0n : 1231n
  for (const word of words) state = BigInt.asUintN(64, (state ^ BigInt.asUintN(64, BigInt(word))) * 1099511628211n)
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(state)
  return murmur3(bytes, 20171108).high
}

/** Of the request and of each of its ancestors: the key in its bucket, and what it asks for. The original is the last. */
export type Link = { key: string; sets: readonly TransformSet[] }

/** `/6ca/hei/height-bucket-parent.jpg-6ca0dabe9909875a`: mort's `hash`. */
export function hashKey([own, parent]: readonly Link[]): string {
  const hash = hashSets(own?.sets ?? []).toString(16)
  const name = flat(parent?.key ?? '')
  return `/${hash.slice(0, 3)}/${[...name].slice(0, 3).join('')}/${name}-${hash}`
}

/** `/parent.jpg/2e805241bb54d7f7a200a56572d63805`: mort's `hashParent`. */
export function hashParentKey([own, ...ancestors]: readonly Link[]): string {
  const parts = [bytesOf(hashSets(own?.sets ?? [])), Buffer.from(ancestors[0]?.key ?? '')]
  for (const { key, sets } of ancestors.slice(0, -1)) parts.push(Buffer.from(key), bytesOf(hashSets(sets)))
  const { high, low } = murmur3(Buffer.concat(parts), 0)
  return `/${flat(ancestors.at(-1)?.key ?? '')}/${hex(high)}${hex(low)}`
}

/** A query may say an amplitude of any size, and single precision makes some of them infinite, which is no word. */
const thousandths = (value: number) => Math.trunc(1000 * Math.min(Math.max(value, -(2 ** 53)), 2 ** 53))

const when = (flag: boolean, word: number) => (flag ? [word] : [])

/** By their codes; what mort does not have is beyond words. */
const gravities = ['center', 'north', 'east', 'south', 'west', 'smart']
const formats = ['', 'jpeg', 'webp', 'png', '', 'gif']

function ownWord(set: TransformSet): bigint {
  const { quality, format, progressive, strip } = set
  const text = [...toSteps(set, []).map(printStep), quality, format, progressive, strip].join(' ')
  return BigInt(`0x${digest(text).slice(0, 16)}`)
}

/** A key as one name. */
export const flat = (key: string) => key.slice(1).replaceAll('/', '-')

const hex = (half: bigint) => half.toString(16).padStart(16, '0')

function bytesOf(hash: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(hash)
  return bytes
}
