import type { ObjectInfo } from '@mortise/storage'

/** User metadata of an object that was uploaded in parts: the bytes of each, as `5242880x3,1234`. */
export const partsName = 'mortise-parts'

/** Parts of many different sizes are not told: metadata is for short texts. */
const maxText = 512

/** `null`: too long to be noted. */
export function printParts(sizes: readonly number[]): string | null {
  const runs: { size: number; count: number }[] = []
  for (const size of sizes) {
    const last = runs.at(-1)
    if (last?.size === size) last.count += 1
    else runs.push({ size, count: 1 })
  }
  const text = runs.map(({ size, count }) => (count === 1 ? `${size}` : `${size}x${count}`)).join(',')
  return text.length > maxText ? null : text
}

/** `null` when it was not uploaded in parts, or nobody noted them, or the note is of another object. */
export function readParts({ metadata, size }: Pick<ObjectInfo, 'metadata' | 'size'>): number[] | null {
  const text = metadata[partsName]
  if (text === undefined || !/^\d{1,15}(?:x\d{1,5})?(?:,\d{1,15}(?:x\d{1,5})?)*$/.test(text)) return null
  const sizes: number[] = []
  for (const run of text.split(',')) {
    const [bytes, count = 1] = run.split('x').map(Number)
    if (sizes.length + count > 10_000) return null
    sizes.push(...new Array<number>(count).fill(bytes ?? 0))
  }
  return sizes.reduce((sum, bytes) => sum + bytes, 0) === size ? sizes : null
}
