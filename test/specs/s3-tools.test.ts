import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { HeadObjectCommand } from '@aws-sdk/client-s3'
import { describe, expect, it } from 'vitest'
import { createToolCalls, findS3Tools } from '../servers/s3-tools.ts'
import { get } from './client.ts'
import { describeBackings, digest, keysOf, MiB, objectsOf, workFolder, writeLarge } from './s3-backings.ts'
import { keys, sdk } from './s3-site.ts'

/** How a tool says what all of them can; the addresses, or a file and an address, come behind it. */
type Way = {
  place: string
  /** With this type, `max-age=7` and `a: b` as metadata. */
  put: string[]
  get: string[]
  /** What is no longer at the source is deleted. */
  sync: string[]
  copy: string[]
  copyAll: string[]
  move: string[]
  moveAll: string[]
  remove: string[]
  removeAll: string[]
  stat: (bucket: string, key: string) => string[]
  list: string[]
  /** Of one folder. */
  look: string[]
  /** The key in a line of a list: behind the address that was asked for, or the whole of it. */
  line: RegExp
  sign: (address: string) => string[]
}

const type = 'text/x'

const ways = {
  rclone: {
    place: 'm:',
    put: [
      ...['copyto', '--metadata', '--metadata-set', `content-type=${type}`],
      ...['--metadata-set', 'cache-control=max-age=7', '--metadata-set', 'a=b'],
    ],
    get: ['copyto'],
    sync: ['sync'],
    copy: ['copyto'],
    copyAll: ['copy'],
    move: ['moveto'],
    moveAll: ['move'],
    remove: ['deletefile'],
    removeAll: ['purge'],
    stat: (bucket, key) => ['lsjson', '--stat', '--metadata', `m:${bucket}/${key}`],
    list: ['lsf', '-R', '--files-only'],
    look: ['lsf'],
    line: /^(.+)$/gm,
    sign: address => ['link', '--expire', '1m', address],
  },
  s3cmd: {
    place: 's3://',
    put: ['put', `--mime-type=${type}`, '--add-header=Cache-Control:max-age=7', '--add-header=x-amz-meta-a:b'],
    get: ['get', '--force'],
    sync: ['sync', '--delete-removed'],
    copy: ['cp'],
    copyAll: ['cp', '-r'],
    move: ['mv'],
    moveAll: ['mv', '-r'],
    remove: ['del'],
    removeAll: ['del', '-r', '-f'],
    stat: (bucket, key) => ['info', `s3://${bucket}/${key}`],
    list: ['ls', '-r'],
    look: ['ls'],
    line: / s3:\/\/[^/]+\/(.+)$/gm,
    sign: address => ['signurl', address, '+60'],
  },
  aws: {
    place: 's3://',
    put: ['s3', 'cp', '--content-type', type, '--cache-control', 'max-age=7', '--metadata', 'a=b'],
    get: ['s3', 'cp'],
    sync: ['s3', 'sync', '--delete'],
    copy: ['s3', 'cp'],
    copyAll: ['s3', 'cp', '--recursive'],
    move: ['s3', 'mv'],
    moveAll: ['s3', 'mv', '--recursive'],
    remove: ['s3', 'rm'],
    removeAll: ['s3', 'rm', '--recursive'],
    stat: (bucket, key) => ['s3api', 'head-object', '--bucket', bucket, '--key', key],
    list: ['s3', 'ls', '--recursive'],
    look: ['s3', 'ls'],
    line: /(?:^\S+ \S+ +\d+| PRE) (.+)$/gm,
    sign: address => ['s3', 'presign', '--expires-in', '60', address],
  },
} satisfies Record<string, Way>

type Name = keyof typeof ways
const toolNames = Object.keys(ways) as Name[]

const tools = await findS3Tools()
const work = await workFolder()
const names = ['a b+c.txt', 'deep/er/ü.txt', 'empty.txt', "it's & <that>.txt"]
const many = Array.from({ length: 1005 }, (_, i) => `${i + 1000}.txt`)
const manyFolder = path.join(work, 'many')
await mkdir(manyFolder)
for (const name of many) await writeFile(path.join(manyFolder, name), name)

async function tree(name: string): Promise<string> {
  const place = path.join(work, name)
  await mkdir(path.join(place, 'deep/er'), { recursive: true })
  for (const file of names) await writeFile(path.join(place, file), file === 'empty.txt' ? '' : file)
  return place
}

async function filesOf(place: string): Promise<string[]> {
  const entries = await readdir(place, { recursive: true, withFileTypes: true })
  const files = entries.filter(entry => entry.isFile())
  return files.map(({ parentPath, name }) => path.relative(place, path.join(parentPath, name))).sort()
}

/** What changes when a file is written again. */
async function writesOf(place: string): Promise<string[]> {
  const files = await filesOf(place)
  return Promise.all(files.map(async name => `${name} ${(await stat(path.join(place, name))).ctimeMs}`))
}

describe.skipIf(!tools)('the tools of Debian', async () => {
  await describeBackings('on a bucket', (cluster, backing) => {
    const target = () => ({ url: cluster().url, home: work, ...keys })
    const { call } = createToolCalls(tools!, target)
    const base = (name: Name) => `${ways[name].place}media/${name}`
    const facts = (Bucket: string, Key: string) =>
      sdk(cluster().url).send(new HeadObjectCommand({ Bucket, Key: decodeURI(Key) }))
    const listed = (name: Name, text: string) =>
      [...text.matchAll(ways[name].line)].map(([, key = '']) => key.replace(new RegExp(`^${name}/[^/]+/`), '')).sort()

    // aws takes half a second to start: on MinIO it shows only what the storage could spoil.
    const quick = backing === 'files' ? toolNames : toolNames.filter(name => name !== 'aws')

    it.each(toolNames)('%s puts, tells of, reads, signs, copies, moves and deletes an object', async name => {
      const { put, stat, get: read, copy, move, remove, sign, place } = ways[name]
      const { url } = cluster()
      const file = path.join(await tree(`${name}-one-${backing}`), 'a b+c.txt')
      const said = { ContentType: type, CacheControl: 'max-age=7', Metadata: { a: 'b' } }
      await call(name, ...put, file, `${base(name)}/o/a b+c.txt`)
      expect(await facts('media', `${name}/o/a b+c.txt`)).toMatchObject(said)
      expect(await call(name, ...stat('media', `${name}/o/a b+c.txt`))).toContain(type)
      const signed = (await call(name, ...sign(`${base(name)}/o/a b+c.txt`))).trim()
      expect((await get(signed)).text).toBe('a b+c.txt')
      await call(name, ...copy, `${base(name)}/o/a b+c.txt`, `${base(name)}/o/ö`)
      expect(await facts('media', `${name}/o/ö`)).toMatchObject(said)
      await call(name, ...copy, `${base(name)}/o/ö`, `${place}other/${name}/ü`)
      await call(name, ...move, `${place}other/${name}/ü`, `${base(name)}/o/moved`)
      expect(await facts('media', `${name}/o/moved`)).toMatchObject(said)
      expect(await keysOf(url, 'other', `${name}/`)).toEqual([])
      const back = path.join(work, `${name}-back-${backing}`)
      await call(name, ...read, `${base(name)}/o/moved`, back)
      expect(await readFile(back, 'utf8')).toBe('a b+c.txt')
      await call(name, ...remove, `${base(name)}/o/ö`)
      expect(await keysOf(url, 'media', `${name}/o/`)).toEqual(['a b+c.txt', 'moved'])
    })

    it.each(quick)('%s syncs both ways, once, and deletes what is gone', async name => {
      const { sync, list, look } = ways[name]
      const { url } = cluster()
      const local = `${await tree(`${name}-up-${backing}`)}/`
      const remote = `${base(name)}/sync/`
      const objects = () => objectsOf(url, 'media', `${name}/sync/`)
      await call(name, ...sync, local, remote)
      const first = await objects()
      expect(Object.keys(first)).toEqual(names)
      await call(name, ...sync, local, remote)
      expect(await objects()).toEqual(first)
      expect(listed(name, await call(name, ...list, remote))).toEqual(names)
      expect(await call(name, ...look, remote)).toMatch(/[ /]?deep\/$/m)
      expect(await call(name, ...look, remote)).not.toContain('deep/er')
      await rm(path.join(local, 'empty.txt'))
      await writeFile(path.join(local, 'a b+c.txt'), 'changed')
      await call(name, ...sync, local, remote)
      const { 'a b+c.txt': changed, ...kept } = await objects()
      expect(changed).toContain(createHash('md5').update('changed').digest('hex'))
      expect(kept).toEqual({ 'deep/er/ü.txt': first['deep/er/ü.txt'], [names[3]!]: first[names[3]!] })
      const back = `${path.join(work, `${name}-down-${backing}`)}/`
      await mkdir(back)
      await call(name, ...sync, remote, back)
      expect(await filesOf(back)).toEqual(Object.keys(await objects()))
      expect(await readFile(path.join(back, 'deep/er/ü.txt'), 'utf8')).toBe('deep/er/ü.txt')
      const written = await writesOf(back)
      await writeFile(path.join(back, 'more.txt'), 'more')
      await call(name, ...sync, remote, back)
      expect(await writesOf(back)).toEqual(written)
    })

    it.each(quick)('%s copies, moves and deletes folders, within a bucket and to another', async name => {
      const { sync, copyAll, moveAll, removeAll, place } = ways[name]
      const { url } = cluster()
      await call(name, ...sync, `${await tree(`${name}-all-${backing}`)}/`, `${base(name)}/from/`)
      await call(name, ...copyAll, `${base(name)}/from/`, `${place}other/${name}/`)
      expect(await keysOf(url, 'other', `${name}/`)).toEqual(names)
      await call(name, ...moveAll, `${base(name)}/from/`, `${base(name)}/to/`)
      expect(await keysOf(url, 'media', `${name}/from/`)).toEqual([])
      expect(await keysOf(url, 'media', `${name}/to/`)).toEqual(names)
      await call(name, ...removeAll, `${base(name)}/to/`)
      expect(await keysOf(url, 'media', `${name}/to/`)).toEqual([])
      expect(await keysOf(url, 'other', `${name}/`)).toEqual(names)
    })

    it.each(quick)('%s lists and deletes 1005 objects', async name => {
      const { list, removeAll } = ways[name]
      await call('rclone', 'copy', '--transfers=16', manyFolder, `m:media/${name}/many`)
      expect(listed(name, await call(name, ...list, `${base(name)}/many/`))).toEqual(many)
      await call(name, ...removeAll, `${base(name)}/many/`)
      expect(await keysOf(cluster().url, 'media', `${name}/many/`)).toEqual([])
    })

    it.runIf(backing === 'files').each(toolNames)('%s stores 200 MiB in parts, and reads it back', async name => {
      const { get: read, copy, remove } = ways[name]
      const file = await writeLarge(path.join(work, 'large'), 200 * MiB)
      const back = path.join(work, 'large-back')
      const inParts = name === 's3cmd' ? ['put', '--multipart-chunk-size-mb=15'] : copy
      await call(name, ...inParts, file, `${base(name)}/large.bin`)
      expect((await facts('media', `${name}/large.bin`)).ETag).toMatch(/-\d+"$/)
      await call(name, ...read, `${base(name)}/large.bin`, back)
      expect(await digest(back)).toBe(await digest(file))
      await call(name, ...remove, `${base(name)}/large.bin`)
    })

    it('rclone checks, reads pieces, dates and sums up', async () => {
      const local = await tree(`checked-${backing}`)
      const place = `${base('rclone')}/own`
      await call('rclone', 'mkdir', 'm:media')
      await expect(call('rclone', 'mkdir', 'm:absent')).rejects.toThrow('AccessDenied')
      await call('rclone', 'copy', local, place)
      await call('rclone', 'check', local, place)
      await writeFile(path.join(local, 'a b+c.txt'), 'A B+C.txt')
      await expect(call('rclone', 'check', local, place)).rejects.toThrow('1 differences found')
      expect(await call('rclone', 'cat', '--offset', '2', '--count', '3', `${place}/a b+c.txt`)).toBe('b+c')
      const sums = await call('rclone', 'hashsum', 'md5', place)
      expect(sums).toContain(`${createHash('md5').update('deep/er/ü.txt').digest('hex')}  deep/er/ü.txt`)
      await call('rclone', 'touch', '-t', '2020-02-03T04:05:06', `${place}/a b+c.txt`)
      expect(await call('rclone', 'lsl', place)).toMatch(/9 2020-02-03 04:05:06\.0+ a b\+c\.txt/)
      expect(JSON.parse(await call('rclone', 'size', '--json', place))).toMatchObject({ count: 4 })
      await call('rclone', 'copyurl', `${cluster().url}/media/rclone/own/a b+c.txt`, `${place}/fetched`)
      expect(await call('rclone', 'cat', `${place}/fetched`)).toBe('a b+c.txt')
      await call('rclone', 'delete', '--include', '*.txt', place)
      expect(await keysOf(cluster().url, 'media', 'rclone/own/')).toEqual(['fetched'])
      await call('rclone', 'purge', place)
    })

    it('s3cmd tells of buckets and sizes, and changes headers', async () => {
      const place = `${base('s3cmd')}/own`
      expect(await call('s3cmd', 'ls')).toMatch(/s3:\/\/media\n.* {2}s3:\/\/other\n/)
      expect(await call('s3cmd', 'info', 's3://media')).toMatch(/Location:\s+EU/i)
      await call('s3cmd', 'sync', `${await tree(`own-${backing}`)}/`, `${place}/`)
      expect(await call('s3cmd', 'du', `${place}/`)).toMatch(/^\s*40\s+4 objects/)
      const one = `${place}/a b+c.txt`
      await call('s3cmd', 'modify', '--add-header=Cache-Control:max-age=4', '--mime-type=text/z', one)
      const changed = { CacheControl: 'max-age=4', ContentType: 'text/z', ContentLength: 9 }
      expect(await facts('media', 's3cmd/own/a b+c.txt')).toMatchObject(changed)
      await call('s3cmd', 'modify', '--remove-header=Cache-Control', one)
      expect((await facts('media', 's3cmd/own/a b+c.txt')).CacheControl).toBeUndefined()
      expect(await call('s3cmd', 'ls', '--list-md5', one)).toContain(
        createHash('md5').update('a b+c.txt').digest('hex'),
      )
      await expect(call('s3cmd', 'setacl', '--acl-public', one)).rejects.toThrow('NotImplemented')
      await expect(call('s3cmd', 'mb', 's3://media')).rejects.toThrow('BucketAlreadyOwnedByYou')
      await call('s3cmd', 'del', one, `${place}/empty.txt`)
      expect(await keysOf(cluster().url, 'media', 's3cmd/own/')).toEqual([names[1], names[3]])
    })

    it.runIf(backing === 'files')(
      'aws sums up, changes metadata in place, reads parts and attributes, and deletes by a list',
      async () => {
        const place = `${base('aws')}/own`
        const api = (command: string, ...args: string[]) => call('aws', 's3api', command, '--bucket', 'media', ...args)
        await call('aws', 's3', 'cp', await writeLarge(path.join(work, 'aws-own'), 20 * MiB), `${place}/large`)
        await call('aws', 's3', 'cp', `${place}/large`, `${place}/copied`)
        const summary = await call('aws', 's3', 'ls', '--summarize', '--recursive', `${place}/`)
        expect(summary).toMatch(new RegExp(`Total Objects: 2\\s+Total Size: ${40 * MiB}`))
        const attributes = await api(
          ...(['get-object-attributes', '--key', 'aws/own/copied'] as const),
          ...['--object-attributes', 'ETag', 'ObjectSize', 'ObjectParts', 'StorageClass'],
        )
        const expected = { ObjectSize: 20 * MiB, ObjectParts: { TotalPartsCount: 3 }, StorageClass: 'STANDARD' }
        expect(JSON.parse(attributes)).toMatchObject(expected)
        const piece = path.join(work, 'aws-piece')
        const part = await api('get-object', '--key', 'aws/own/copied', '--part-number', '3', piece)
        expect(JSON.parse(part)).toMatchObject({ ContentLength: 4 * MiB, PartsCount: 3 })
        const inPlace = ['s3', 'cp', `${place}/copied`, `${place}/copied`, '--metadata-directive', 'REPLACE']
        await call('aws', ...inPlace, '--metadata', 'k=w', '--content-type', 'text/z')
        const changed = { ContentType: 'text/z', Metadata: { k: 'w' }, ContentLength: 20 * MiB }
        expect(await facts('media', 'aws/own/copied')).toMatchObject(changed)
        await api('put-object', '--key', 'aws/own/summed', '--body', piece, '--checksum-algorithm', 'SHA256')
        expect(await digest(piece)).toBe(await digestOfObject('aws/own/summed'))
        const list = 'Objects=[{Key=aws/own/large},{Key=aws/own/absent},{Key=aws/own/copied}]'
        expect(JSON.parse(await api('delete-objects', '--delete', list)).Errors).toBeUndefined()
        expect(await keysOf(cluster().url, 'media', 'aws/own/')).toEqual(['summed'])
      },
    )

    async function digestOfObject(key: string): Promise<string> {
      const { bytes } = await get(`${cluster().url}/media/${key}`)
      return createHash('sha256').update(bytes).digest('hex')
    }
  })
})
