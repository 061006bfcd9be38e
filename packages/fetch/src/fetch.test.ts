import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Lookup } from './client.ts'
import { createGuardedFetch, type GuardedFetchOptions } from './fetch.ts'

const loopback = { networks: ['127.0.0.1'], maxBytes: 1000, timeoutMs: 5000, maxRedirects: 2 }
const never = new AbortController().signal
const refused = (message: string) => expect.objectContaining({ code: 'invalid_request', message })
const tooLarge = 'more than 1000 bytes'
const packed = 'an encoding that was not asked for'
const broken = 'the connection failed'
const noAddress = refused('the host has no address that may be fetched from')

afterEach(() => vi.unstubAllEnvs())

describe('an answer', () => {
  it('is its bytes and its type', async () => {
    await using site = await serve((_, response) => response.setHeader('content-type', 'image/png').end('a picture'))
    const { bytes, contentType } = await site.fetch('/a.png?b=c')
    expect([Buffer.from(bytes).toString(), contentType]).toEqual(['a picture', 'image/png'])
    expect(bytes.buffer.byteLength).toBe('a picture'.length)
    expect(site.requests).toEqual(['GET /a.png?b=c'])
  })

  it('has no type when the server says none', async () => {
    await using site = await serve((_, response) => response.end('a picture'))
    expect(await site.fetch('/')).toMatchObject({ contentType: null })
  })

  it('may have as many bytes as the limit', async () => {
    await using site = await serve((_, response) => response.end('x'.repeat(1000)))
    expect((await site.fetch('/')).bytes.byteLength).toBe(1000)
  })

  it.each<[string, RequestListener, string]>([
    ['declares too much', (_, to) => to.writeHead(200, { 'content-length': 1001 }).end('x'.repeat(1001)), tooLarge],
    ['sends too much', (_, to) => void to.writeHead(200).write('x'.repeat(1001)), tooLarge],
    ['is packed', (_, to) => to.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('x')), packed],
    ['is partial', (_, to) => to.writeHead(206).end('x'), 'status 206'],
    ['is not there', (_, to) => to.writeHead(404).end('x'), 'status 404'],
    ['is an error', (_, to) => to.writeHead(500).end('x'), 'status 500'],
    ['has large headers', (_, to) => to.setHeader('x-a', 'x'.repeat(20_000)).end('x'), 'the connection failed'],
    ['breaks off', (_, to) => void to.writeHead(200, { 'content-length': 9 }).write('x', () => to.destroy()), broken],
  ])('is refused when it %s, and nothing stays open', async (_, answer, message) => {
    await using site = await serve(answer)
    await expect(site.fetch('/')).rejects.toEqual(refused(message))
    await site.whenClosed()
  })

  it.each<[string, RequestListener]>([
    ['nothing', () => {}],
    ['headers and no end', (_, to) => void to.writeHead(200).write('x')],
  ])('is refused when in time there is %s', async (_, answer) => {
    await using site = await serve(answer, { timeoutMs: 50 })
    await expect(site.fetch('/')).rejects.toEqual(refused('no answer in time'))
    await site.whenClosed()
  })

  it.each([
    ['in time', { timeoutMs: 50 }, never, refused('no answer in time')],
    ['any more', {}, AbortSignal.timeout(50), expect.objectContaining({ name: 'TimeoutError' })],
  ])('is not waited for when the look-up of its host does not end %s', async (_, options, signal, error) => {
    await using site = await serve((_, response) => response.end(), { ...options, lookup: () => {} })
    await expect(site.fetchUrl('http://silent.example/', signal)).rejects.toEqual(error)
  })

  it('is asked for with our name in the loop, so that a gateway of ours knows it', async () => {
    await using site = await serve((request, response) => response.end(request.headers['cdn-loop']))
    expect(Buffer.from((await site.fetch('/')).bytes).toString()).toBe('mortise')
  })

  it('is not waited for by who has left', async () => {
    const waiter = new AbortController()
    await using site = await serve(() => waiter.abort('gone'))
    await expect(site.fetch('/', waiter.signal)).rejects.toBe('gone')
    await site.whenClosed()
  })

  it('does not come through a proxy of the environment', async () => {
    for (const name of ['http_proxy', 'HTTP_PROXY', 'ALL_PROXY', 'NODE_USE_ENV_PROXY'])
      vi.stubEnv(name, 'http://[::1]:9/')
    await using site = await serve((_, response) => response.end('direct'))
    expect(Buffer.from((await site.fetch('/')).bytes).toString()).toBe('direct')
  })
})

describe('redirects', () => {
  it('are followed', async () => {
    await using site = await serve((request, to) => {
      if (request.url === '/end') to.end('the end')
      else to.writeHead(302, { location: request.url === '/1' ? '/2' : '/end' }).end('moved')
    })
    expect(Buffer.from((await site.fetch('/1')).bytes).toString()).toBe('the end')
    expect(site.requests).toEqual(['GET /1', 'GET /2', 'GET /end'])
  })

  it('are counted', async () => {
    await using site = await serve((_, to) => to.writeHead(301, { location: '/again' }).end())
    await expect(site.fetch('/')).rejects.toEqual(refused('too many redirects'))
    expect(site.requests).toHaveLength(3)
    await site.whenClosed()
  })

  it.each([
    ['http://127.0.0.2:9/'],
    ['http://169.254.169.254/latest/meta-data/'],
    ['http://[::1]/'],
    ['http://0x7f000002/'],
    ['http://inside.example/'],
  ])('to %s are refused', async location => {
    await using site = await serve((_, to) => to.writeHead(307, { location }).end())
    await expect(site.fetch('/')).rejects.toEqual(noAddress)
    expect(site.requests).toEqual(['GET /'])
  })

  it('may take no more time together than one answer', async () => {
    await using site = await serve(
      (request, to) => {
        if (request.url === '/') to.writeHead(308, { location: '/hang' }).end()
      },
      { timeoutMs: 100 },
    )
    await expect(site.fetch('/')).rejects.toEqual(refused('no answer in time'))
    await site.whenClosed()
  })
})

describe('addresses', () => {
  it.each(['http://127.0.0.1', 'http://localhost', 'http://2130706433', 'http://[::ffff:127.0.0.1]'])(
    '%s is refused unless the settings name its network',
    async host => {
      await using site = await serve((_, response) => response.end('inside'), { networks: [] })
      await expect(site.fetchUrl(`${host}:${site.port}/`)).rejects.toEqual(noAddress)
      expect(site.requests).toEqual([])
    },
  )

  it('of a host: those that are allowed are tried, the others never', async () => {
    const lookup = answers(['127.0.0.2', '10.0.0.1', '127.0.0.1'])
    await using site = await serve((_, response) => response.end('found'), { lookup })
    await using elsewhere = await serve((_, response) => response.end('wrong'), {}, '127.0.0.2', site.port)
    expect(Buffer.from((await site.fetchUrl(`http://mixed.example:${site.port}/`)).bytes).toString()).toBe('found')
    expect(elsewhere.requests).toEqual([])
  })

  it('of a host that changes its mind are looked at when they are connected to', async () => {
    const lookup = answers(['127.0.0.1'], ['127.0.0.2'])
    await using site = await serve((_, response) => response.end('outside'), { lookup })
    await using inside = await serve((_, response) => response.end('inside'), {}, '127.0.0.2', site.port)
    await site.fetchUrl(`http://rebind.example:${site.port}/`)
    await expect(site.fetchUrl(`http://rebind.example:${site.port}/`)).rejects.toEqual(noAddress)
    expect(inside.requests).toEqual([])
  })

  it('of a host that does not exist look like those that are refused', async () => {
    await using site = await serve((_, response) => response.end())
    await expect(site.fetchUrl('http://absent.example/')).rejects.toEqual(noAddress)
  })

  it('that nobody listens at are a connection that failed', async () => {
    await using gone = await serve((_, response) => response.end())
    await using site = await serve((_, response) => response.end())
    await gone.stop()
    await expect(site.fetchUrl(`http://127.0.0.1:${gone.port}/`)).rejects.toEqual(refused('the connection failed'))
  })
})

it('ends what is under way when it is closed, and begins nothing more', async () => {
  const arrived = Promise.withResolvers<void>()
  await using site = await serve(() => arrived.resolve())
  const fetched = site.fetch('/').catch(error => error.code)
  await arrived.promise
  await site.close()
  expect(await fetched).toBe('overloaded')
  await expect(site.fetch('/')).rejects.toMatchObject({ code: 'overloaded' })
  await site.whenClosed()
  expect(site.requests).toHaveLength(1)
})

/** A server, and a guarded fetch beside it. Unknown names do not exist; `inside.example` is a private address. */
async function serve(
  answer: RequestListener,
  options: Partial<GuardedFetchOptions> = {},
  host = '127.0.0.1',
  fixedPort = 0,
) {
  const requests: string[] = []
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`)
    answer(request, response)
  })
  server.listen(fixedPort, host)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const lookup: Lookup = (name, _, done) => {
    if (name === 'localhost') return done(null, [{ address: '127.0.0.1', family: 4 }])
    if (name === 'inside.example') return done(null, [{ address: '10.0.0.1', family: 4 }])
    done(new Error('ENOTFOUND'), [])
  }
  const fetch = createGuardedFetch({ ...loopback, lookup, ...options })
  const connections = () => new Promise<number>(resolve => server.getConnections((_, count) => resolve(count)))
  const stop = async () => {
    if (!server.listening) return
    await fetch[Symbol.asyncDispose]()
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  }
  return {
    port,
    requests,
    fetchUrl: (url: string, signal = never) => fetch(url, signal),
    fetch: (path: string, signal = never) => fetch(`http://127.0.0.1:${port}${path}`, signal),
    close: () => fetch[Symbol.asyncDispose](),
    whenClosed: () => vi.waitFor(async () => expect(await connections()).toBe(0), 4000),
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

/** One list of addresses for each look-up, the last one for all that follow. */
function answers(...lists: string[][]): Lookup {
  return (_, __, done) => {
    const list = (lists.length > 1 ? lists.shift() : lists[0]) ?? []
    done(
      null,
      list.map(address => ({ address, family: 4 })),
    )
  }
}
