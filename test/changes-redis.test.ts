import { fork } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { maxEntries } from '../packages/changes/src/redis/wire.ts'
import { createRedisChanges, type RedisChangesOptions } from '../packages/changes/src/redis.ts'
import { type RedisServer, startRedis } from './servers/redis.ts'
import { until, untilEqual } from './until.ts'

let redis: RedisServer
beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis?.stop())

let prefixes = 0
const key = 'bucket/folder/a.jpg'
const child = fileURLToPath(new URL('servers/changes-process.ts', import.meta.url))

describe('changes over Redis', () => {
  it('are known to everybody when they have been announced', async () => {
    const prefix = `p${prefixes++}`
    const [one, two, three] = [await open({ prefix }), await open({ prefix }), await open({ prefix })]
    for (let round = 0; round < 100; round++) {
      const marks = [one, two, three].map(({ changes }) => changes.mark(key))
      await two.changes.announce(key)
      expect(marks.map(mark => mark.isCurrent())).toEqual([false, false, false])
    }
    const stamps = [one, two, three].map(({ changes }) => changes.mark(key).stamp)
    expect(new Set(stamps).size).toBe(1)
    expect([one.errors, two.errors, three.errors]).toEqual([[], [], []])
  })

  it('leave everything else as it is', async () => {
    const prefix = `p${prefixes++}`
    const [one, two] = [await open({ prefix }), await open({ prefix })]
    const marks = [one, two].map(({ changes }) => changes.mark('bucket/b.jpg'))
    await one.changes.announce(key)
    expect(marks.map(mark => mark.isCurrent())).toEqual([true, true])
    expect([two.changes.isRecent('bucket/b.jpg'), two.changes.isRecent(key)]).toEqual([false, true])
  })

  it('are no business of those with another prefix', async () => {
    const [one, other] = [await open(), await open()]
    const mark = other.changes.mark(key)
    await one.changes.announce(key)
    expect(mark.isCurrent()).toBe(true)
  })

  it('are known to who starts later, with the stamp of the others', async () => {
    const prefix = `p${prefixes++}`
    const one = await open({ prefix })
    await one.changes.announce(key)
    const late = await open({ prefix })
    expect(late.changes.mark(key).stamp).toBe(one.changes.mark(key).stamp)
    expect(late.changes.isRecent(key)).toBe(true)
  })

  it('go out as a few messages, however many are announced at once', async () => {
    const prefix = `p${prefixes++}`
    const [one, two] = [await open({ prefix }), await open({ prefix })]
    const messages = await watch(`{${prefix}}:changed`)
    const keys = Array.from({ length: 10_000 }, (_, i) => `bucket/${i}.jpg`)
    const marks = keys.map(two.changes.mark)
    await Promise.all(keys.map(one.changes.announce))
    expect(marks.filter(mark => mark.isCurrent())).toEqual([])
    expect(messages.length).toBeLessThanOrEqual(5)
    const sizes = messages.map(text => JSON.parse(text).entries.length)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(maxEntries)
    expect([one.errors, two.errors]).toEqual([[], []])
  })

  it('are told by many at one time, and nobody misses one', async () => {
    const prefix = `p${prefixes++}`
    const all = await Promise.all(Array.from({ length: 5 }, () => open({ prefix })))
    const keys = Array.from({ length: 20 }, (_, i) => `${i}.jpg`)
    await Promise.all(
      keys.flatMap(key =>
        all.map(async ({ changes }) => {
          const marks = all.map(other => other.changes.mark(key))
          await changes.announce(key)
          expect(marks.filter(mark => mark.isCurrent())).toEqual([])
        }),
      ),
    )
    for (const key of keys) expect(new Set(all.map(({ changes }) => changes.mark(key).stamp)).size).toBe(1)
    expect(all.flatMap(({ errors }) => errors)).toEqual([])
  })

  it('ignore what is no notice', async () => {
    const prefix = `p${prefixes++}`
    const [one, two] = [await open({ prefix }), await open({ prefix })]
    const client = await plain()
    const mark = two.changes.mark(key)
    const from = '00000000-0000-4000-8000-000000000000'
    for (const text of ['', '{', '[]', JSON.stringify({ from, number: 1, epoch: 'x', entries: [[-1, 1]] })]) {
      expect(await client.publish(`{${prefix}}:changed`, text)).toBe(2)
    }
    await one.changes.announce('bucket/b.jpg')
    expect(mark.isCurrent()).toBe(true)
    await one.changes.announce(key)
    expect(mark.isCurrent()).toBe(false)
    expect([one.errors, two.errors]).toEqual([[], []])
  })

  it('do not wait for a process that hangs longer than they say, and tell it when it goes on', async () => {
    const prefix = `p${prefixes++}`
    const one = await open({ prefix })
    const other = await start(prefix)
    await other.say({ mark: key })
    other.child.kill('SIGSTOP')
    await Promise.all([one.changes.announce(key), one.changes.announce('bucket/b.jpg')])
    const complaint = 'Error: changes were noted by 1 of 2 processes within 2000 ms'
    await untilEqual('complaints', () => one.errors.map(String), [complaint])
    other.child.kill('SIGCONT')
    await untilEqual('the mark', () => other.say({ ask: key }), false)
    await one.changes.announce(key)
    expect(one.errors).toHaveLength(1)
  })

  it('do not wait for each other when somebody hangs', async () => {
    const prefix = `p${prefixes++}`
    const one = await open({ prefix })
    const other = await start(prefix)
    const messages = await watch(`{${prefix}}:changed`)
    other.child.kill('SIGSTOP')
    const hanging = one.changes.announce(key)
    let ended = false
    void hanging.then(() => (ended = true))
    await untilEqual('messages', () => messages.length, 1)
    void one.changes.announce('bucket/b.jpg')
    await untilEqual('messages', () => messages.length, 2)
    expect(ended).toBe(false)
    other.child.kill('SIGCONT')
    await hanging
  })
})

describe('changes while Redis is away', () => {
  it('are told when it is back, without its data', async () => {
    await using server = await startRedis()
    const [one, two] = [await open({ server }), await open({ server })]
    await one.changes.announce('bucket/b.jpg')
    const mark = two.changes.mark(key)
    await server.kill('SIGKILL')
    await one.changes.announce(key)
    expect(mark.isCurrent()).toBe(true)
    await server.restart()
    await until('the change to be known', () => !mark.isCurrent())
    await sameStamps([one, two])
    const next = two.changes.mark(key)
    await one.changes.announce(key)
    expect(next.isCurrent()).toBe(false)
  })

  it('are told when it is back, with its data', async () => {
    await using server = await startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] })
    const [one, two] = [await open({ server }), await open({ server })]
    await one.changes.announce(key)
    const mark = two.changes.mark(key)
    await server.kill('SIGKILL')
    await one.changes.announce(key)
    await server.restart()
    await until('the change to be known', () => !mark.isCurrent())
    await sameStamps([one, two])
  })

  it('are never counted twice under one name, whatever Redis has forgotten', async () => {
    await using server = await startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] })
    const one = await open({ server })
    const seen: string[] = []
    for (let round = 0; round < 3; round++) {
      await one.changes.announce(key)
      const { stamp } = one.changes.mark(key)
      seen.push(stamp)
      // As a server does that had not written the last change yet.
      const client = await plain(server)
      await client.hincrby('{t}:changes', String(await slotIn(client)), -1)
      await server.restart()
      await until('a new epoch', () => one.changes.mark(key).stamp.split('-').at(1) !== stamp.split('-').at(1))
      seen.push(one.changes.mark(key).stamp)
    }
    expect(new Set(seen).size).toBe(seen.length)
  })

  it('outdate everything when its data was deleted under the eyes of all', async () => {
    await using server = await startRedis()
    const [one, two] = [await open({ server }), await open({ server })]
    for (let i = 0; i < 3; i++) await one.changes.announce(key)
    const marks = [two.changes.mark(key), two.changes.mark('bucket/c.jpg')]
    await (await plain(server)).flushall()
    await one.changes.announce(key)
    expect(one.errors).toEqual([])
    expect(marks.map(mark => mark.isCurrent())).toEqual([false, false])
    await sameStamps([one, two])
  })

  it('are stamped by each for himself when it was never there', async () => {
    await using server = await startRedis()
    await server.kill('SIGKILL')
    const [one, two] = await Promise.all([open({ server }), open({ server })])
    expect(one.changes.mark(key).stamp).not.toBe(two.changes.mark(key).stamp)
    const mark = one.changes.mark(key)
    await one.changes.announce(key)
    expect([mark.isCurrent(), one.changes.isRecent(key)]).toEqual([false, true])
    await server.restart()
    await sameStamps([one, two])
  })

  it('are known to who was cut off and is back, and to nobody else before', async () => {
    const prefix = `p${prefixes++}`
    const one = await open({ prefix })
    const cable = await startCable(redis)
    const two = await open({ prefix, server: cable })
    const [mark, kept] = [two.changes.mark(key), two.changes.mark('bucket/b.jpg')]
    cable.cut()
    await untilEqual('listeners', () => one.listeners(), 1)
    await one.changes.announce(key)
    expect([mark.isCurrent(), one.errors]).toEqual([true, []])
    cable.mend()
    await until('the change to be known', () => !mark.isCurrent())
    expect(kept.isCurrent()).toBe(true)
    expect(two.changes.mark(key).stamp).toBe(one.changes.mark(key).stamp)
  })

  it('are found by who was told nothing, though his connection looks alive', async () => {
    const prefix = `p${prefixes++}`
    const one = await open({ prefix })
    const cable = await startCable(redis)
    const two = await open({ prefix, server: cable })
    const mark = two.changes.mark(key)
    cable.hold()
    await one.changes.announce(key)
    expect(mark.isCurrent()).toBe(true)
    cable.forget()
    await until('the change to be known', () => !mark.isCurrent())
  })
})

it('a cluster tells everybody, and who listens at another node than before what he has missed', async () => {
  await using server = await startRedis({ args: ['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1'] })
  const client = await plain(server)
  await client.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
  await until('the cluster', async () => String(await client.call('CLUSTER', 'INFO')).includes('cluster_state:ok'))
  const [one, two] = [await open({ server, type: 'redis-cluster' }), await open({ server, type: 'redis-cluster' })]
  const mark = two.changes.mark(key)
  await one.changes.announce(key)
  expect([mark.isCurrent(), one.errors]).toEqual([false, []])
  // The connections on which they listen, and nothing else, are replaced without a word to anybody.
  const missed = two.changes.mark(key)
  await client.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
  await client.hincrby('{t}:changes', String(await slotIn(client)), 1)
  await client.hincrby('{t}:changes', 'total', 1)
  await until('the change to be known', () => !missed.isCurrent())
  const again = two.changes.mark(key)
  await untilEqual('listeners', () => two.listeners(), 2)
  await one.changes.announce(key)
  expect(again.isCurrent()).toBe(false)
})

type Place = { host: string; port: number }

/** The changes of a process that is connected if it can be, and what it has complained of. */
async function open({
  prefix = 't',
  type = 'redis',
  server = redis,
}: {
  prefix?: string
  type?: RedisChangesOptions['connection']['type']
  server?: Place
} = {}) {
  const errors: unknown[] = []
  const own = server === redis && prefix === 't' ? `p${prefixes++}` : prefix
  const changes = await createRedisChanges({
    connection: { type, nodes: [{ host: server.host, port: server.port }] },
    prefix: own,
    onError: error => errors.push(error),
    now: Date.now,
  })
  onTestFinished(() => changes[Symbol.asyncDispose]())
  const client = await plain(server)
  const listeners = async () => Number(((await client.call('PUBSUB', 'NUMSUB', `{${own}}:changed`)) as unknown[])[1])
  return { changes, errors, listeners }
}

async function plain({ host, port }: Place = redis): Promise<Redis> {
  const client = new Redis({ host, port }).on('error', () => {})
  onTestFinished(() => client.disconnect())
  return client
}

/** What is said on a channel from now on, as somebody sees it who does not count as a listener. */
async function watch(channel: string): Promise<string[]> {
  const messages: string[] = []
  const monitor = await (await plain()).monitor()
  onTestFinished(() => monitor.disconnect())
  monitor.on('monitor', (_time: string, [command, on, text]: string[]) => {
    if (command?.toLowerCase() === 'publish' && on === channel) messages.push(text ?? '')
  })
  return messages
}

/** The one slot that has changed. */
async function slotIn(client: Redis): Promise<number> {
  return Number((await client.hkeys('{t}:changes')).find(name => /^\d+$/.test(name)))
}

async function sameStamps(all: Awaited<ReturnType<typeof open>>[]) {
  await until('one stamp', () => new Set(all.map(({ changes }) => changes.mark(key).stamp)).size === 1)
}

/** A process of its own. */
async function start(prefix: string) {
  const connection = { type: 'redis', nodes: [{ host: redis.host, port: redis.port }] }
  const process = fork(child, [JSON.stringify({ connection, prefix })])
  onTestFinished(() => void process.kill('SIGKILL'))
  await once(process, 'message')
  const say = async (what: object) => {
    const answer = once(process, 'message')
    process.send(what)
    return (await answer)[0] as unknown
  }
  return { child: process, say }
}

/** What leads to a server, to be cut. */
async function startCable({ host, port }: Place) {
  const pairs = new Set<[near: Socket, far: Socket]>()
  const end = (sockets: Iterable<Socket>) => {
    for (const socket of sockets) socket.destroy()
  }
  let isCut = false
  const cable = createServer(near => {
    if (isCut) return near.destroy()
    const far = connect(port, host)
    const pair: [Socket, Socket] = [near, far]
    pairs.add(pair)
    for (const socket of pair) socket.on('error', () => {}).on('close', () => end(pair))
    near.once('close', () => pairs.delete(pair))
    near.pipe(far).pipe(near)
  })
  await new Promise<void>(resolve => cable.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    end([...pairs].flat())
    cable.close()
  })
  const { port: own } = cable.address() as { port: number }
  return {
    host: '127.0.0.1',
    port: own,
    cut() {
      isCut = true
      end([...pairs].flat())
    },
    mend() {
      isCut = false
    },
    /** Nothing comes through any more, and nobody can tell. */
    hold() {
      for (const [near, far] of pairs) far.unpipe(near)
    },
    /** What was held is lost; later things come through. */
    forget() {
      for (const [near, far] of pairs) {
        while (far.read() !== null);
        far.pipe(near)
      }
    },
  }
}
