import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it, onTestFinished, vi } from 'vitest'
import { type FaultyStorage, testFaults } from './conformance-faults.ts'
import { type FaultyFiles, fileFaults, setFileTrouble } from './file-faults.ts'
import { createLocalStorage } from './local.ts'
import { createLocalMetaStorage } from './local-meta.ts'
import { createMemoryStorage } from './memory.ts'
import type { Storage } from './storage.ts'

vi.mock('node:fs', async original => {
  const { breakable } = await import('./file-faults.ts')
  return breakable(await original<typeof import('node:fs')>())
})

const leftBeside = async (root: string) =>
  (await readdir(root, { recursive: true })).filter(name => name.includes('\\'))

async function openFiles(open: (options: { rootPath: string }) => Storage): Promise<FaultyFiles> {
  const rootPath = await mkdtemp(join(tmpdir(), 'mortise-faults-'))
  const storage = open({ rootPath })
  return {
    storage,
    patient: storage,
    trouble: setFileTrouble,
    heal: () => setFileTrouble(),
    leftovers: () => leftBeside(rootPath),
    async [Symbol.asyncDispose]() {
      setFileTrouble()
      await rm(rootPath, { recursive: true, force: true })
    },
  }
}

testFaults('local', () => openFiles(createLocalStorage), fileFaults())
testFaults('local-meta', () => openFiles(createLocalMetaStorage), fileFaults())

testFaults('memory', async (): Promise<FaultyStorage> => {
  const storage = createMemoryStorage({ maxBytes: 2_000_000 })
  return { storage, patient: storage, heal() {}, leftovers: () => [], [Symbol.asyncDispose]: async () => {} }
}, [])

const cat = { bucket: 'photos', key: '/cat.jpg' }
const never = new AbortController().signal

/** Puts endless bytes over the object of a folder, in a process of its own; says so when the first have been taken. */
const putter = `
  import { Readable } from 'node:stream'
  const [url, rootPath] = process.argv.slice(1)
  const { createLocalMetaStorage } = await import(url)
  const storage = createLocalMetaStorage({ rootPath })
  let taken = 0
  const body = new Readable({ read() { taken += 1; if (taken === 5) console.log('writing'); setImmediate(() => this.push(Buffer.alloc(65536))) } })
  await storage.put({ bucket: 'photos', key: '/cat.jpg' }, { body, size: 1e12 }, new AbortController().signal)
    .catch(error => console.log(error.code, error.cause.code))
`

async function startPutter(prelude: string) {
  const rootPath = await mkdtemp(join(tmpdir(), 'mortise-faults-'))
  onTestFinished(() => rm(rootPath, { recursive: true, force: true }))
  const storage = createLocalMetaStorage({ rootPath })
  await storage.put(cat, { body: Buffer.from('old'), size: 3 }, never)
  const module = fileURLToPath(new URL('local-meta.ts', import.meta.url))
  const command = [process.execPath, '--input-type=module', '-e', putter, module, rootPath]
  const child = spawn('sh', ['-c', `${prelude}exec "$@"`, 'sh', ...command], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const read = async () => Buffer.from(await (await storage.get(cat, { signal: never }))!.bytes(9)).toString()
  return { rootPath, storage, child, read }
}

it('keeps the old object when its process is killed in a put, and what stays beside is found by its name only', async () => {
  const { rootPath, storage, child, read } = await startPutter('')
  await once(child.stdout, 'data')
  child.kill('SIGKILL')
  await once(child, 'exit')
  expect(await read()).toBe('old')
  const { objects } = await storage.list!(cat.bucket, { prefix: '/', limit: 9, signal: never })
  expect(objects.map(({ key }) => key)).toEqual(['/cat.jpg'])
  expect(await leftBeside(rootPath)).toEqual([expect.stringMatching(/^photos\/\\[0-9a-f]{24}$/)])
  // What the README tells operators to run, without its limit on age.
  const swept = spawn('find', [rootPath, '-name', '\\\\*', '-type', 'f', '-delete'])
  await once(swept, 'exit')
  expect(await readdir(join(rootPath, 'photos'))).toEqual(['cat.jpg'])
  expect((await readFile(join(rootPath, 'photos/cat.jpg'))).subarray(-3).toString()).toBe('old')
})

it('keeps the old object and leaves nothing when the system takes no more bytes', async () => {
  // A limit of the kernel on the size of files, in blocks of 512 bytes or of 1,024.
  const { rootPath, child, read } = await startPutter('ulimit -f 2048; ')
  let said = ''
  child.stdout.on('data', chunk => (said += chunk))
  await once(child, 'close')
  expect(said).toBe('writing\nstorage_unavailable EFBIG\n')
  expect(await read()).toBe('old')
  expect(await leftBeside(rootPath)).toEqual([])
})
