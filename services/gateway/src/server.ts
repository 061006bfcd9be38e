import { existsSync } from 'node:fs'
import { lstat, rm } from 'node:fs/promises'
import type { RequestListener, Server } from 'node:http'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import type { Listener } from '@mortise/config'
import { MortiseError } from '@mortise/errors'
import { hasBody, linger } from './linger.ts'

export type RunningServer = {
  /** `http://127.0.0.1:8080`, or `unix:/path`; with the real port when 0 was asked for. */
  readonly address: string
  /**
   * Takes no new connection, tells those that are open to close after the response they are on, and waits for them;
   * after `graceMs` the rest is cut. Idempotent.
   */
  close(graceMs: number): Promise<void>
}

/** Connections at one time: what is beyond waits in the backlog of the system. */
const maxConnections = 10_000

/** Of bodies that were refused. */
const unread = { bytes: 16 * 1024 * 1024, ms: 5_000 }

/** For what Node refuses before there is a request. */
const statusLines: Record<string, string> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
}

/**
 * Starts to listen. Throws `invalid_config` with one clear sentence when it cannot; `option` is what chooses another
 * address.
 */
export async function listen(where: Listener, handle: RequestListener, option: string): Promise<RunningServer> {
  let draining = false
  const answer: RequestListener = (request, response) => {
    if (draining) response.setHeader('connection', 'close')
    if (hasBody(request)) {
      response.once('finish', () => {
        if (!request.complete) linger(request, unread)
      })
    }
    handle(request, response)
  }
  const server = createServer(
    // Slow requests hold a connection, not a thread; slow *headers* are an attack.
    { headersTimeout: 15_000, requestTimeout: 0, keepAliveTimeout: 65_000, maxHeaderSize: 32 * 1024 },
    answer,
  )
  // Who waits to be asked for the body is not, before it is wanted: a refusal costs no upload.
  server.on('checkContinue', answer)
  server.maxConnections = maxConnections
  // A client that neither sends nor takes a byte for this long is gone; waiting for a derivative is shorter.
  server.setTimeout(5 * 60_000)
  server.on('clientError', ({ code }: NodeJS.ErrnoException, socket) => {
    const status = statusLines[code ?? ''] ?? '400 Bad Request'
    if (socket.writable) socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`)
    else socket.destroy()
  })
  await open(server, where, option)

  let closing: Promise<void> | undefined
  const close = async (graceMs: number) => {
    draining = true
    const closed = new Promise<void>(resolve => server.close(() => resolve()))
    // Connections that become idle later are only noticed when somebody looks.
    const sweep = setInterval(() => server.closeIdleConnections(), 100)
    const cut = setTimeout(() => server.closeAllConnections(), graceMs)
    await closed
    clearInterval(sweep)
    clearTimeout(cut)
  }
  return {
    address: addressOf(server, where),
    close: graceMs => {
      closing ??= close(graceMs)
      return closing
    },
  }
}

async function open(server: Server, where: Listener, option: string): Promise<void> {
  if ('path' in where) await removeStaleSocket(where.path)
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(new MortiseError('invalid_config', explain(error, where, option), { cause: error })),
    )
    if ('path' in where) server.listen(where.path, resolve)
    else server.listen({ port: where.port, ...(where.host === null ? {} : { host: where.host }) }, resolve)
  })
  server.removeAllListeners('error')
  server.on('error', () => {})
}

/** The socket of a process that was killed is in the way; one that somebody listens on, or any other file, stays. */
async function removeStaleSocket(path: string): Promise<void> {
  const found = await lstat(path).catch(() => null)
  if (!found?.isSocket()) return
  const alive = await new Promise<boolean>(resolve => {
    const probe = connect(path)
    probe.once('connect', () => resolve(true)).once('error', () => resolve(false))
    probe.once('connect', () => probe.destroy())
  })
  if (!alive) await rm(path, { force: true })
}

function explain({ code = 'unknown error' }: NodeJS.ErrnoException, where: Listener, option: string): string {
  if ('path' in where) {
    const reasons: Record<string, string> = {
      EADDRINUSE: `another program or file is there; remove it, or choose another path with ${option} unix:PATH`,
      // What libuv says in both cases.
      EACCES: existsSync(dirname(where.path)) ? 'not permitted' : 'its folder does not exist',
      EINVAL: 'the path is too long for a socket',
    }
    return `cannot listen on ${where.path}: ${reasons[code] ?? code}`
  }
  const reasons: Record<string, string> = {
    EADDRINUSE: `the port is in use; stop the other program, or choose another port with ${option} HOST:PORT`,
    EACCES: 'not permitted; ports below 1024 need special rights',
    EADDRNOTAVAIL: 'this machine has no such address',
    ENOTFOUND: 'this machine has no such address',
  }
  return `cannot listen on ${where.host ?? ''}:${where.port}: ${reasons[code] ?? code}`
}

function addressOf(server: Server, where: Listener): string {
  if ('path' in where) return `unix:${where.path}`
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : where.port
  const host = where.host === null || where.host === '0.0.0.0' || where.host === '::' ? '127.0.0.1' : where.host
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}
