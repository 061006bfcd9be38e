import { closeSync, mkdirSync, openSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { startPart } from '../cluster.ts'
import { median, memoryGrowth, type Row, settle } from './measure.ts'

const layouts = [
  { name: '10,000 keys in a folder', folders: 0, files: 10_000 },
  { name: '1,000,000 keys in 1,000 folders', folders: 1000, files: 1000 },
  { name: '1,000,000 keys in a folder', folders: 0, files: 1_000_000 },
]
const pages = 8

/** The first pages of 1,000 keys, each layout in a process of its own. What a page needs must not follow the keys. */
export async function measureListings(): Promise<Row[]> {
  const rows: Row[] = []
  for (const { name, folders, files } of layouts) {
    const folder = await mkdtemp(path.join(tmpdir(), 'mortise-bench-'))
    try {
      makeFiles(path.join(folder, 'bench'), folders, files)
      rows.push(await measurePages(name, folder))
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }
  return rows
}

/** Synchronous: of a million files each must not cost a turn of the event loop. */
function makeFiles(bucket: string, folders: number, files: number): void {
  const number = (value: number) => String(value).padStart(7, '0')
  for (let at = 0; at < Math.max(folders, 1); at++) {
    const folder = folders > 0 ? path.join(bucket, number(at)) : bucket
    mkdirSync(folder, { recursive: true })
    for (let file = 0; file < files; file++) closeSync(openSync(path.join(folder, `${number(file)}.jpg`), 'w'))
  }
}

async function measurePages(name: string, folder: string): Promise<Row> {
  const site = { buckets: { bench: { storages: { basic: { kind: 'local', rootPath: folder } } } } }
  await using part = await startPart('serve', site)
  await settle(part.pid)
  const times: number[] = []
  let token = ''
  const turnPage = async () => {
    const started = performance.now()
    token = await nextPage(`${part.url}/bench?list-type=2&max-keys=1000`, token)
    times.push(performance.now() - started)
  }
  const turnHalf = async () => {
    for (let page = 0; page < pages / 2; page++) await turnPage()
  }
  const first = await memoryGrowth(part.pid, turnHalf)
  const second = await memoryGrowth(part.pid, turnHalf)
  return {
    what: `listing, 1,000 of ${name}`,
    against: `MiB above rest at the most: first ${pages / 2} pages; further ${pages / 2}; median ms of a page`,
    result: `${first.toFixed(0)}; ${second.toFixed(0)}; ${median(times).toFixed(0)}`,
    target: '64, and no more for further pages',
    command: 'npm run bench -- listing',
  }
}

/** The token of the page behind. Throws unless this one is full and there is another. */
async function nextPage(url: string, token: string): Promise<string> {
  const answer = await fetch(token === '' ? url : `${url}&continuation-token=${token}`)
  const text = await answer.text()
  const next = /<NextContinuationToken>([^<]+)</.exec(text)?.[1]
  const count = text.split('<Key>').length - 1
  if (!answer.ok || count !== 1000 || next === undefined) throw new Error(`${url}: ${answer.status}, ${count} keys`)
  return next
}
