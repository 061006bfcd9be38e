/**
 * `npm run bench [-- hit miss ...]`: measures, prints, and (when everything was measured) writes the table to README.md
 * beside this file. Every ratio is from paired runs on the machine at hand.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { replaceBetween } from '../generated.ts'
import { measureBackground } from './background.ts'
import { measureCollapse } from './collapse.ts'
import { measureHits } from './hit.ts'
import { measureLadders } from './ladder.ts'
import { measureListings } from './listing.ts'
import type { Row } from './measure.ts'
import { measureMemory } from './memory.ts'
import { measureMisses } from './miss.ts'
import { measureTransfers } from './transfer.ts'

const measurements = {
  hit: measureHits,
  miss: measureMisses,
  collapse: measureCollapse,
  memory: measureMemory,
  transfer: measureTransfers,
  listing: measureListings,
  ladder: measureLadders,
  background: measureBackground,
}
type Name = keyof typeof measurements

const all = Object.keys(measurements) as Name[]
const asked = process.argv.slice(2)
const unknown = asked.filter(name => !all.includes(name as Name))
if (unknown.length > 0) {
  console.error(`bench: there is no ${unknown.join(', ')}; there are ${all.join(', ')}`)
  process.exit(1)
}

const rows: Row[] = []
for (const name of asked.length > 0 ? (asked as Name[]) : all) {
  const measured = await measurements[name]()
  for (const { what, against, result, target } of measured)
    console.log(`${what} | ${against} | ${result} | target ${target}`)
  rows.push(...measured)
}
if (asked.length === 0) await writeTable(rows)

async function writeTable(rows: Row[]): Promise<void> {
  const file = new URL('./README.md', import.meta.url)
  const table = [
    `Measured on ${new Date().toISOString().slice(0, 10)}, ${cpus().length} cores, Node ${process.versions.node}.`,
    '',
    '| What | Against | Result: median (range) | Target | Command |',
    '| --- | --- | --- | --- | --- |',
    ...rows.map(
      ({ what, against, result, target, command }) =>
        `| ${what} | ${against} | ${result} | ${target} | \`${command}\` |`,
    ),
  ].join('\n')
  await writeFile(file, replaceBetween(await readFile(file, 'utf8'), 'table', table))
}
