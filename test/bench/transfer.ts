import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Client } from 'minio'
import { type Part, startPart } from '../cluster.ts'
import { startS3Server } from '../servers/s3.ts'
import { startChild } from './child.ts'
import { fetchOnce, median, memoryGrowth, pairedRatios, printRatios, type Row, sendOnce, settle } from './measure.ts'

const mebibytes = 1024
const starts = 5
const rounds = 5
const command = 'npm run bench -- transfer'

/** 1 GiB up, with a presigned PUT, and 1 GiB down, with a plain GET: memory, and the pace of a bare pipe. */
export async function measureTransfers(): Promise<Row[]> {
  const folder = await mkdtemp(path.join(tmpdir(), 'mortise-bench-'))
  const backend = await startS3Server()
  try {
    await mkdir(path.join(folder, 'bench'))
    await backend.createBucket('bench')
    const { endpoint, accessKey, secretAccessKey } = backend
    const local = siteOn({ kind: 'local', rootPath: folder })
    const s3 = siteOn({ kind: 's3', endpoint, accessKey, secretAccessKey })
    return [
      ...(await measureMemory('files', local)),
      ...(await measureMemory(backend.name, s3)),
      ...(await measurePace(folder, local)),
    ]
  } finally {
    await backend.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

const keys = { accessKey: 'bench', secretAccessKey: 'the secret of the bench' }

function siteOn(basic: object): object {
  return { buckets: { bench: { keys: [keys], storages: { basic } } } }
}

/** Each direction in processes of its own: what one leaves behind would hide what the other needs. */
async function measureMemory(name: string, site: object): Promise<Row[]> {
  await using filler = await startPart('serve', site)
  await up(filler)
  const rows: Row[] = []
  for (const [way, transfer] of Object.entries({ up, down })) {
    const growths: number[][] = []
    for (let start = 0; start < starts; start++) {
      await using part = await startPart('serve', site)
      await settle(part.pid)
      const run = () => memoryGrowth(part.pid, () => transfer(part))
      growths.push([await run(), await run()])
    }
    const result = [0, 1].map(nth => printMiB(growths.map(growth => growth[nth]!))).join('; ')
    const against = `MiB above rest at the most: first transfer; second; ${starts} starts`
    rows.push({ what: `transfer, 1 GiB ${way}, ${name}`, against, result, target: '64', command })
  }
  return rows
}

async function measurePace(folder: string, site: object): Promise<Row[]> {
  await using part = await startPart('serve', site)
  await using bare = startChild('./bare-pipe.ts', [path.join(folder, 'bench')])
  const bareUrl = `http://127.0.0.1:${JSON.parse(await bare.line()).port}/bare`
  const pace = (transfer: () => Promise<number>) => async () => mebibytes / (await transfer())
  const against = 'bare node:http pipe to and from a file, bytes/s'
  const ups = await pairedRatios(
    rounds,
    pace(() => up(part)),
    pace(() => sendOnce(bareUrl, mebibytes)),
  )
  const downs = await pairedRatios(
    rounds,
    pace(() => down(part)),
    pace(() => fetchWhole(bareUrl)),
  )
  return Object.entries({ up: ups, down: downs }).map(([way, ratios]) => ({
    what: `transfer, 1 GiB ${way}, files`,
    ...{ against, result: printRatios(ratios), target: 'none', command },
  }))
}

/** As the SDKs do with a stream, the signature leaves the body out. */
async function up({ url }: Part): Promise<number> {
  const { hostname, port } = new URL(url)
  const { accessKey, secretAccessKey: secretKey } = keys
  const client = new Client({
    endPoint: hostname,
    port: Number(port),
    useSSL: false,
    region: 'mort',
    accessKey,
    secretKey,
  })
  return sendOnce(await client.presignedPutObject('bench', 'large.bin'), mebibytes)
}

const down = ({ url }: Part) => fetchWhole(`${url}/bench/large.bin`)

async function fetchWhole(url: string): Promise<number> {
  const { status, bytes, ms } = await fetchOnce(url)
  if (status !== 200 || bytes !== mebibytes * 1024 ** 2) throw new Error(`${url}: ${status}, ${bytes} bytes`)
  return ms
}

function printMiB(values: number[]): string {
  return `${median(values).toFixed(0)} (${Math.min(...values).toFixed(0)} to ${Math.max(...values).toFixed(0)})`
}
