import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, describe, expect, it } from 'vitest'
import { describeModes } from '../modes.ts'
import { findS3Tools } from '../servers/s3-tools.ts'
import { get } from './client.ts'
import { keys, s3Site } from './s3-site.ts'

const tools = await findS3Tools()
const { folder, storages } = await s3Site()
const MiB = 1024 * 1024
const work = await mkdtemp(path.join(tmpdir(), 'mortise-tools-'))
afterAll(() => rm(work, { recursive: true, force: true }))
await mkdir(path.join(folder, 'media'))
await mkdir(path.join(folder, 'media-derivatives'))
const tree = path.join(work, 'tree')
const names = ['a b+c.txt', 'deep/er/ü.txt', 'empty.txt', "it's & <that>.txt"]
await mkdir(path.join(tree, 'deep/er'), { recursive: true })
for (const name of names) await writeFile(path.join(tree, name), name === 'empty.txt' ? '' : name)

async function setUp() {
  return { config: { buckets: { media: { keys: [keys], storages: storages('media') } } } }
}

const run = promisify(execFile)

async function filesOf(place: string): Promise<string[]> {
  const entries = await readdir(place, { recursive: true, withFileTypes: true })
  return entries
    .filter(entry => entry.isFile())
    .map(({ parentPath, name }) => path.relative(place, path.join(parentPath, name)))
    .sort()
}

async function digest(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file)) hash.update(chunk)
  return hash.digest('hex')
}

async function largeFile(size: number): Promise<string> {
  const file = path.join(work, `large-${size}`)
  const piece = randomBytes(MiB)
  await writeFile(file, Buffer.concat(Array.from({ length: size / MiB }, () => piece)))
  return file
}

describe.skipIf(!tools)('tools', () => {
  describeModes('tools of Debian', setUp, cluster => {
    const call = async (tool: keyof NonNullable<typeof tools>, ...args: string[]) => {
      const url = cluster().url
      const { host } = new URL(url)
      const ways = {
        rclone: ['--config', '/dev/null', '--retries', '1', '--low-level-retries', '1', '--s3-upload-cutoff', '8M'],
        s3cmd: [
          ...['--no-ssl', `--host=${host}`, `--host-bucket=${host}`, '--region=mort', '--no-progress'],
          ...[`--access_key=${keys.accessKey}`, `--secret_key=${keys.secretAccessKey}`, '--config=/dev/null'],
        ],
        aws: ['--endpoint-url', url, '--no-cli-pager'],
      }
      const env = {
        PATH: '/usr/bin:/bin',
        HOME: work,
        LC_ALL: 'C.UTF-8',
        AWS_ACCESS_KEY_ID: keys.accessKey,
        AWS_SECRET_ACCESS_KEY: keys.secretAccessKey,
        AWS_DEFAULT_REGION: 'mort',
        AWS_MAX_ATTEMPTS: '1',
        AWS_EC2_METADATA_DISABLED: 'true',
        RCLONE_CONFIG_M_TYPE: 's3',
        RCLONE_CONFIG_M_PROVIDER: 'Other',
        RCLONE_CONFIG_M_ACCESS_KEY_ID: keys.accessKey,
        RCLONE_CONFIG_M_SECRET_ACCESS_KEY: keys.secretAccessKey,
        RCLONE_CONFIG_M_ENDPOINT: url,
        RCLONE_CONFIG_M_REGION: 'mort',
      }
      const { stdout } = await run(tools![tool], [...ways[tool], ...args], { env, timeout: 120_000 })
      return stdout
    }
    const at = () => cluster().mode

    it('rclone syncs, lists, copies, moves and deletes', async () => {
      const place = `m:media/${at()}/rclone`
      await call('rclone', 'sync', tree, place)
      expect((await call('rclone', 'lsf', '-R', '--files-only', place)).trim().split('\n').sort()).toEqual(names)
      await call('rclone', 'check', tree, place)
      await call('rclone', 'copyto', `${place}/a b+c.txt`, `${place}/copied`)
      await call('rclone', 'moveto', `${place}/copied`, `${place}/moved`)
      expect(await call('rclone', 'cat', `${place}/moved`)).toBe('a b+c.txt')
      const back = path.join(work, `back-${at()}`)
      await call('rclone', 'copy', place, back)
      expect(await filesOf(back)).toEqual([...names, 'moved'].sort())
      await call('rclone', 'sync', tree, place)
      expect(await call('rclone', 'lsf', `${place}/`)).not.toContain('moved')
      await call('rclone', 'purge', place)
      expect(await call('rclone', 'lsf', '-R', `m:media/${at()}`)).not.toContain('rclone')
    })

    it('rclone stores 200 MiB in parts, and reads it back', async () => {
      const file = await largeFile(200 * MiB)
      const place = `m:media/${at()}/large.bin`
      await call('rclone', 'copyto', file, place)
      const back = path.join(work, 'large-back')
      await call('rclone', 'copyto', place, back)
      expect(await digest(back)).toBe(await digest(file))
      await call('rclone', 'deletefile', place)
    })

    it('s3cmd puts, lists, tells, syncs, copies, moves, signs and deletes', async () => {
      const place = `s3://media/${at()}/s3cmd`
      expect(await call('s3cmd', 'ls')).toContain('s3://media')
      await call(
        's3cmd',
        'put',
        path.join(tree, 'a b+c.txt'),
        `${place}/one.txt`,
        '--mime-type=text/x',
        '--add-header=x-amz-meta-a:b',
      )
      const info = await call('s3cmd', 'info', `${place}/one.txt`)
      expect(info).toMatch(/MIME type:\s+text\/x/)
      expect(info).toContain(createHash('md5').update('a b+c.txt').digest('hex'))
      expect(await call('s3cmd', 'info', 's3://media')).toMatch(/Location:\s+EU/i)
      await call('s3cmd', 'sync', `${tree}/`, `${place}/tree/`)
      const listed = await call('s3cmd', 'ls', '-r', `${place}/tree/`)
      for (const name of names) expect(listed).toContain(name)
      await call('s3cmd', 'cp', `${place}/one.txt`, `${place}/two.txt`)
      await call('s3cmd', 'mv', `${place}/two.txt`, `${place}/three.txt`)
      const back = path.join(work, `three-${at()}`)
      await call('s3cmd', 'get', '--force', `${place}/three.txt`, back)
      expect(await readFile(back, 'utf8')).toBe('a b+c.txt')
      const signed = (await call('s3cmd', 'signurl', `${place}/three.txt`, '+60')).trim()
      expect((await get(signed.replace(/^https:/, 'http:'))).text).toBe('a b+c.txt')
      const file = await largeFile(32 * MiB)
      await call('s3cmd', 'put', '--multipart-chunk-size-mb=15', file, `${place}/large.bin`)
      await call('s3cmd', 'get', '--force', `${place}/large.bin`, back)
      expect(await digest(back)).toBe(await digest(file))
      await call('s3cmd', 'del', '--recursive', '--force', `${place}/`)
      expect(await call('s3cmd', 'ls', '-r', `${place}/`)).toBe('')
    })

    it('aws copies, lists, syncs, moves, signs and removes', async () => {
      const place = `s3://media/${at()}/aws`
      await call('aws', 's3', 'cp', path.join(tree, 'a b+c.txt'), `${place}/one.txt`)
      await call('aws', 's3', 'sync', tree, `${place}/tree`)
      const listed = await call('aws', 's3', 'ls', '--recursive', `${place}/tree/`)
      for (const name of names) expect(listed).toContain(name)
      expect(await call('aws', 's3', 'sync', tree, `${place}/tree`)).toBe('')
      await call('aws', 's3', 'mv', `${place}/one.txt`, `${place}/two.txt`)
      const signed = (await call('aws', 's3', 'presign', `${place}/two.txt`)).trim()
      expect((await get(signed)).text).toBe('a b+c.txt')
      const file = await largeFile(32 * MiB)
      const back = path.join(work, `aws-${at()}`)
      await call('aws', 's3', 'cp', file, `${place}/large.bin`)
      await call('aws', 's3', 'cp', `${place}/large.bin`, `${place}/larger.bin`)
      await call('aws', 's3', 'cp', `${place}/larger.bin`, back)
      expect(await digest(back)).toBe(await digest(file))
      await call('aws', 's3', 'rm', '--recursive', `${place}/`)
      expect(
        await call(
          'aws',
          's3api',
          'list-objects-v2',
          '--no-paginate',
          '--bucket',
          'media',
          '--prefix',
          `${at()}/aws/`,
          '--query',
          'KeyCount',
        ),
      ).toContain('0')
    })
  })
})
