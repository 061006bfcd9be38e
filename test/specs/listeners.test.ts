import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { type Part, startServe } from '../cluster.ts'
import { runCommandIn } from '../command.ts'
import { photo } from '../fixtures/images.ts'
import { until } from '../until.ts'
import { derivative, get, pictureOf } from './client.ts'
import { createSite } from './site.ts'

const site = await createSite({
  'originals/photos/cat.jpg': await photo(60, 40),
  'scripts/half.js': `export default ({ url, obj }) => {
    if (url.query.half === undefined) return
    obj.transforms.resize(30, 0, false, false, false)
    return { parent: '/photos' + obj.key }
  }`,
})

/** Paths in it are relative to the folder of the site, where the command is run. */
async function configFile(server: object, transform: object = { kind: 'query' }): Promise<string> {
  const storages = {
    basic: { kind: 'local', rootPath: 'originals', bucket: 'photos' },
    transform: { kind: 'local-meta', rootPath: './made' },
  }
  const plain = { storages: { basic: storages.basic } }
  const file = path.join(site.folder, `config-${crypto.randomUUID()}.yml`)
  const config = {
    server: { internalListen: '127.0.0.1:0', ...server },
    buckets: { media: { storages, transform }, photos: plain },
  }
  await writeFile(file, stringify(config))
  return file
}

const start = async (server: object, transform?: object, env: NodeJS.ProcessEnv = {}): Promise<Part> =>
  startServe(['serve', '--config', await configFile(server, transform)], { cwd: site.folder, env })

/** The status of a GET over a unix socket. */
function statusOver(socketPath: string, target: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request({ socketPath, path: target, agent: false }, response => {
      response.resume().once('end', () => resolve(response.statusCode))
    })
      .once('error', reject)
      .end()
  })
}

describe('listeners', () => {
  it('are as many as the file names: ports and unix sockets', async () => {
    const socket = path.join(site.folder, 'public.sock')
    const inner = path.join(site.folder, 'internal.sock')
    const listens = ['127.0.0.1:0', `unix:${socket}`, '127.0.0.1:0']
    await using part = await start({ listens, internalListen: `unix:${inner}` })
    const ports = [...part.output().matchAll(/http:\/\/127\.0\.0\.1:\d+/g)].map(([url]) => url)
    expect(new Set(ports).size).toBe(2)
    for (const url of ports) expect((await get(`${url}/media/cat.jpg`)).status).toBe(200)
    expect(await statusOver(socket, '/media/cat.jpg?width=30')).toBe(200)
    expect(await statusOver(inner, '/healthz')).toBe(200)
    expect(await statusOver(inner, '/media/cat.jpg')).toBe(404)
    await part.stop()
    expect([existsSync(socket), existsSync(inner)]).toEqual([false, false])
  })

  it('take the place of a socket that a killed process left behind', async () => {
    const socket = path.join(site.folder, 'stale.sock')
    const first = await start({ listens: [`unix:${socket}`] })
    first.kill('SIGKILL')
    await first.ended
    expect(existsSync(socket)).toBe(true)
    await using second = await start({ listens: [`unix:${socket}`] })
    expect(await statusOver(socket, '/media/cat.jpg')).toBe(200)
    await second.stop()
    expect(existsSync(socket)).toBe(false)
  })

  it('do not take the socket of a process that runs, nor a file', async () => {
    const socket = path.join(site.folder, 'taken.sock')
    await using _first = await start({ listens: [`unix:${socket}`] })
    await site.write('file.sock', 'a file')
    for (const taken of [socket, path.join(site.folder, 'file.sock')]) {
      const file = await configFile({ listens: [`unix:${taken}`] })
      const { code, stderr } = await runCommandIn({ cwd: site.folder }, 'serve', '--config', file)
      const advice = 'another program or file is there; remove it, or choose another path with --listen unix:PATH'
      expect([code, lastLine(stderr)]).toEqual([1, `mortise: cannot listen on ${taken}: ${advice}`])
      expect(existsSync(taken)).toBe(true)
    }
    expect(await statusOver(socket, '/media/cat.jpg')).toBe(200)
  })

  it('leave no socket behind when another listener cannot start', async () => {
    const socket = path.join(site.folder, 'first.sock')
    const file = await configFile({ listens: [`unix:${socket}`, `unix:${site.folder}/no/such/folder.sock`] })
    const { code, stderr } = await runCommandIn({ cwd: site.folder }, 'serve', '--config', file)
    const stderrOf = `mortise: cannot listen on ${site.folder}/no/such/folder.sock: its folder does not exist`
    expect([code, lastLine(stderr)]).toEqual([1, stderrOf])
    expect(existsSync(socket)).toBe(false)
  })
})

describe('relative paths', () => {
  it('of storages start from the working directory, as in mort', async () => {
    await mkdir(path.join(site.folder, 'made'))
    await using part = await start({ listens: ['127.0.0.1:0'] })
    expect(await pictureOf(await get(`${part.url}/media/cat.jpg?width=30`))).toEqual(derivative('30x20'))
    await until('the derivative to be stored', () => existsSync(path.join(site.folder, 'made/media')))
  })

  const script = { kind: 'script', scriptPath: 'half.js', parentBucket: 'photos' }
  it('of scripts start from MORT_CONFIG_DIR', async () => {
    await using part = await start({ listens: ['127.0.0.1:0'] }, script, {
      MORT_CONFIG_DIR: path.join(site.folder, 'scripts'),
    })
    expect(await pictureOf(await get(`${part.url}/media/cat.jpg?half=1`))).toEqual(derivative('30x20'))
  })

  it('of scripts start from ./configuration without it', async () => {
    await mkdir(path.join(site.folder, 'configuration'))
    await site.write('configuration/half.js', "export default () => ({ parent: '/photos/cat.jpg' })")
    await using part = await start({ listens: ['127.0.0.1:0'] }, script, { MORT_CONFIG_DIR: undefined })
    expect((await get(`${part.url}/media/any.jpg`)).status).toBe(200)
  })
})

/** Warnings stand before the mistake. */
function lastLine(text: string): string | undefined {
  return text.trimEnd().split('\n').at(-1)
}
