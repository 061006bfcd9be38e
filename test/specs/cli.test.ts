import { chmod, lstat, mkdir, readdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { startFolder, startPart, startServe } from '../cluster.ts'
import { runCommand as run } from '../command.ts'
import { photo } from '../fixtures/images.ts'
import { until } from '../until.ts'
import { derivative, get, pictureOf } from './client.ts'
import { createSite } from './site.ts'

const picture = await photo(600, 400)
const site = await createSite({
  'My pictures/harbour.jpg': picture,
  'My pictures/trip/Café at night.jpg': picture,
  'My pictures/.hidden.jpg': picture,
  'My pictures/.private/photo.jpg': picture,
  'empty/notes.txt': 'no picture',
})
const at = (name: string) => path.join(site.folder, name)
const anyPort = ['--listen', '127.0.0.1:0', '--internal', '127.0.0.1:0']

async function configFile(config: object | string): Promise<string> {
  const file = at(`config-${crypto.randomUUID()}.yml`)
  await writeFile(file, typeof config === 'string' ? config : stringify(config))
  return file
}

/** Every name below a folder with all that a write would change. */
async function listing(folder: string) {
  const names = ['.', ...(await readdir(folder, { recursive: true }))].toSorted()
  return Promise.all(
    names.map(async name => {
      const { mode, size, ino, mtimeMs, ctimeMs } = await lstat(path.join(folder, name))
      return { name, mode, size, ino, mtimeMs, ctimeMs }
    }),
  )
}

describe('mortise serve FOLDER', () => {
  it('prints URLs that answer with pictures, and writes nothing into the folder', async () => {
    const folder = at('My pictures')
    const before = await listing(folder)
    await using part = await startFolder(folder, at('cache'))
    await until('everything is printed', () => part.output().includes('Ctrl+C'))
    const urls = part.output().match(/http:\S+/g) ?? []
    expect(urls).toHaveLength(3)
    const pictures = await Promise.all(urls.map(async url => pictureOf(await get(url))))
    expect(pictures).toEqual([derivative('200x200'), derivative('320x213'), derivative('300x200', 'webp')])
    const bucket = `${part.url}/My%20pictures`
    const small = await get(`${bucket}/small/trip/Caf%C3%A9%20at%20night.jpg`)
    expect(await pictureOf(small)).toEqual(derivative('320x213'))
    expect(await pictureOf(await get(`${bucket}/large/harbour.jpg`))).toEqual(derivative('600x400'))
    await part.stop()
    expect(await listing(folder)).toEqual(before)
  })

  it('does not serve names that begin with a dot', async () => {
    await using part = await startFolder(at('My pictures'), at('cache'))
    const bucket = `${part.url}/My%20pictures`
    const targets = [
      '/.hidden.jpg',
      '/.hidden.jpg?width=30',
      '/thumb/.hidden.jpg',
      '/.private/photo.jpg',
      '/small/.private/photo.jpg',
    ]
    const statuses = await Promise.all(targets.map(async target => (await get(bucket + target)).status))
    expect(statuses).toEqual(Array(targets.length).fill(404))
  })

  it('finds its derivatives again after a restart', async () => {
    const tags: (string | null)[] = []
    for (const _ of ['first', 'second']) {
      await using part = await startFolder(at('My pictures'), at('cache again'))
      tags.push((await get(`${part.url}/My%20pictures/medium/harbour.jpg`)).headers.get('last-modified'))
    }
    expect(tags[0]).not.toBe(null)
    expect(tags[1]).toBe(tags[0])
  })

  it('starts with a folder that has no picture yet, and says what to do', async () => {
    await using part = await startFolder(at('empty'), at('cache'))
    await until('everything is printed', () => part.output().includes('Ctrl+C'))
    expect(part.output()).toContain('No picture was found in it. Put one there, for example cat.jpg, and open')
    expect(part.output().match(/http:\S+/g)).toEqual([`${part.url}/empty/small/cat.jpg`])
    await writeFile(at('empty/new.jpg'), picture)
    expect(await pictureOf(await get(`${part.url}/empty/new.jpg?width=30`))).toEqual(derivative('30x20'))
  })

  it.each(['SIGTERM', 'SIGINT'] as const)('ends with 0 on %s', async signal => {
    await using part = await startFolder(at('empty'), at('cache'))
    part.kill(signal)
    expect(await part.ended).toBe(0)
    const [draining = '{}', stopped = '{}'] = part.output().trimEnd().split('\n').slice(-2)
    expect([draining, stopped].map(line => JSON.parse(line))).toMatchObject([
      { level: 'info', signal, msg: 'draining' },
      { level: 'info', msg: 'stopped' },
    ])
  })
})

describe('help', () => {
  it.each([
    [[], ['serve', 'gateway', 'worker', 'check', 'explain', '--version']],
    [['serve'], ['--config', '--listen', '--internal', '--cache', '[folder]']],
    [['gateway'], ['--config', '--listen', '--internal']],
    [['worker'], ['--config', '--internal']],
    [['check'], ['<file>', '--json', '--strict']],
    [['explain'], ['<url>', '--config', '--accept']],
  ])('of %j is on standard output', async (args, words) => {
    const { code, stdout, stderr } = await run(...args, '--help')
    expect([code, stderr]).toEqual([0, ''])
    for (const word of words) expect(stdout).toContain(word)
  })
})

const minimal = (queue: object) => ({
  server: { queue },
  buckets: { photos: { storages: { basic: { kind: 'local', rootPath: site.folder } } } },
})

describe('the flags of mort', () => {
  it.each(['-version', '--version'])('%s', async flag => {
    const { code, stdout, stderr } = await run(flag)
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/^mortise \d+\.\d+\.\d+ \(Node 24\.\d+\.\d+\)\n$/)
  })

  it.each([
    ['-config PATH', (file: string) => ['-config', file]],
    ['-config=PATH', (file: string) => [`-config=${file}`]],
  ])('%s serves that file', async (_, flags) => {
    const listens = { listens: ['127.0.0.1:0'], internalListen: '127.0.0.1:0' }
    const file = await configFile({ ...minimal({}), server: listens })
    await site.write('photos/cat.jpg', picture)
    await using part = await startServe(flags(file))
    expect((await get(`${part.url}/photos/cat.jpg`)).status).toBe(200)
  })
})

describe('a mistake is told in one line and ends the command with 1:', () => {
  const told = (stderr: string) => [1, stderr, '']
  const outcome = async (...args: string[]) => {
    const { code, stdout, stderr } = await run(...args)
    return [code, stderr, stdout]
  }

  it('a folder that is not there', async () => {
    const folder = at('absent')
    const stderr = `mortise: cannot read the folder ${folder}: it does not exist\n`
    expect(await outcome('serve', folder, ...anyPort)).toEqual(told(stderr))
  })

  it('a file instead of a folder', async () => {
    const file = at('empty/notes.txt')
    expect(await outcome('serve', file, ...anyPort)).toEqual(told(`mortise: ${file} is not a folder\n`))
  })

  // Root may read everything.
  it.skipIf(process.getuid?.() === 0)('a folder that may not be read', async () => {
    const folder = at('closed')
    await mkdir(folder)
    await chmod(folder, 0o000)
    const stderr = `mortise: cannot read the folder ${folder}: not permitted\n`
    expect(await outcome('serve', folder, ...anyPort)).toEqual(told(stderr))
  })

  it('a cache folder that cannot be made', async () => {
    const cache = at('empty/notes.txt/cache')
    const stderr = `mortise: cannot use the cache folder ${cache}: a file is in the way; choose one with --cache\n`
    expect(await outcome('serve', at('empty'), '--cache', cache, ...anyPort)).toEqual(told(stderr))
  })

  it.each([
    ['--listen', '--internal'],
    ['--internal', '--listen'],
  ])('a port that another program has: %s', async (option, other) => {
    await using program = createServer().listen(0, '127.0.0.1')
    await new Promise(resolve => program.once('listening', resolve))
    const address = program.address()
    const port = typeof address === 'object' ? address?.port : null
    const args = ['serve', at('empty'), '--cache', at('cache'), other, '127.0.0.1:0']
    const advice = `the port is in use; stop the other program, or choose another port with ${option} HOST:PORT`
    const stderr = `mortise: cannot listen on 127.0.0.1:${port}: ${advice}\n`
    expect(await outcome(...args, option, `127.0.0.1:${port}`)).toEqual(told(stderr))
  })

  it('an address that is none', async () => {
    const stderr = 'mortise: --listen: expected HOST:PORT or unix:PATH, found nowhere\n'
    expect(await outcome('serve', at('empty'), '--cache', at('cache'), '--listen', 'nowhere')).toEqual(told(stderr))
  })

  it('a folder and a configuration', async () => {
    const stderr = 'mortise: give a folder or --config, not both\n'
    expect(await outcome('serve', at('empty'), '--config', 'mortise.yml')).toEqual(told(stderr))
  })

  it('a configuration that is not there', async () => {
    const file = at('absent.yml')
    const stderr = `mortise: cannot read the configuration ${file} (ENOENT)\n`
    expect(await outcome('serve', '--config', file)).toEqual(told(stderr))
  })

  it.each(['gateway', 'worker'])('%s: a queue that no other process reaches', async role => {
    const file = await configFile(minimal({ type: 'memory' }))
    const stderr = `mortise: mortise ${role} needs a queue that other processes reach: set server.queue.type to redis, or use mortise serve\n`
    expect(await outcome(role, '--config', file, '--internal', '127.0.0.1:0')).toEqual(told(stderr))
  })

  it.each([
    [['serve', '--no-such-option'], "error: unknown option '--no-such-option'"],
    [['serve', 'one', 'two'], "error: too many arguments for 'serve'"],
    [['gateway'], "error: required option '--config <file>' not specified"],
    [['no-such-command'], "error: unknown command 'no-such-command'"],
  ])('%j, with a word about --help', async (args, message) => {
    const { code, stdout, stderr } = await run(...args)
    const [first, second, ...more] = stderr.trimEnd().split('\n')
    expect([code, stdout, second, more]).toEqual([1, '', '(--help shows what there is)', []])
    expect(first).toContain(message)
  })
})

describe('mistakes in a configuration', () => {
  it('are all told at once, and none of the secrets', async () => {
    const file = await configFile({
      server: { requestTimeout: 'soon', listen: 'nowhere' },
      buckets: {
        photos: { storages: { basic: { kind: 'local' } }, transform: { kind: 'presets', path: '(' } },
        more: { storages: { basic: { kind: 's3', accessKey: '', secretAccessKey: 'very-secret' } } },
      },
    })
    const { code, stdout, stderr } = await run('serve', '--config', file)
    expect([code, stdout]).toEqual([1, ''])
    for (const place of [
      'server.requestTimeout',
      'server.listen',
      'buckets.photos.storages.basic.rootPath',
      'buckets.photos.transform.path',
      'buckets.more.storages.basic.accessKey',
    ]) {
      expect(stderr).toContain(`${place}: expected`)
    }
    expect(stderr).not.toContain('very-secret')
    expect(stderr).not.toMatch(/^\s+at /m)
  })

  it('are told below the warnings, each in a line of its own', async () => {
    const file = await configFile('server: { colour: $GONE, requestTimeout: soon, listen: nowhere }')
    const { code, stdout, stderr } = await run('serve', '--config', file)
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr.trimEnd().split('\n')).toEqual([
      'mortise: warning: line 1: the variable "GONE" is not set; nothing is put in its place',
      'mortise: warning: server.colour: is no setting of this version and has no effect',
      expect.stringMatching(/^mortise: server\.listen: expected/),
      expect.stringMatching(/^mortise: server\.requestTimeout: expected/),
    ])
  })

  it('that is no YAML are told with their line', async () => {
    const { code, stderr } = await run('serve', '--config', await configFile('server:\n  listen: "\n'))
    expect(code).toBe(1)
    expect(stderr).toMatch(/^mortise: .*line \d/)
    expect(stderr).not.toMatch(/^\s+at /m)
  })

  it('that do no harm are warnings, and it starts', async () => {
    await using part = await startPart('serve', { ...minimal({}), colour: 'blue', server: { lockTimeout: 9 } })
    expect(part.output()).toMatch(/^mortise: warning: colour: /m)
    expect(part.output()).toMatch(/^mortise: warning: server\.lockTimeout: has no effect/m)
  })

  it('a folder that is not there is a warning, too', async () => {
    const basic = { kind: 'local', rootPath: at('nowhere') }
    await using part = await startPart('serve', { buckets: { photos: { storages: { basic } } } })
    const warning = `buckets.photos.storages.basic.rootPath: there is no folder ${at('nowhere')} on this machine`
    expect(part.output()).toContain(`mortise: warning: ${warning}\n`)
  })
})
