/**
 * What Mortise is measured against: sharp in a loop, from memory to memory. Prints the derivatives per second for each
 * line of JSON (a list of widths) that it reads.
 */
import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import sharp from 'sharp'

const [file = '', concurrency = '2'] = process.argv.slice(2)
const original = await readFile(file)
sharp.cache(false)
sharp.concurrency(1)

/** As Mortise renders `?width=`: upright, proportional, metadata kept, JPEG of the default quality. */
async function render(width: number): Promise<void> {
  await sharp(original, { autoOrient: true }).resize(width).keepMetadata().jpeg({ quality: 75 }).toUint8Array()
}

for await (const line of createInterface({ input: process.stdin })) {
  const widths: number[] = JSON.parse(line)
  const started = performance.now()
  let next = 0
  const lane = async () => {
    for (let width = widths[next++]; width !== undefined; width = widths[next++]) await render(width)
  }
  await Promise.all(Array.from({ length: Number(concurrency) }, lane))
  console.log((widths.length * 1000) / (performance.now() - started))
}
