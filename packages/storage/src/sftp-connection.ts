import { connect, type Socket } from 'node:net'
import { MortiseError } from '@mortise/errors'
import ssh2, { type ConnectConfig, type SFTPWrapper } from 'ssh2'
import { asError } from './body.ts'
import { statusOf } from './sftp-error.ts'

/** What a call tells its caller: the form of every callback of the library. */
type Done<T> = (error?: Error | null, value?: T) => void

export type SftpConnection = {
  /**
   * One request to the server. Rejects with what the server answered, and with `storage_unavailable` when the
   * connection breaks. It cannot be taken back: who does not want to wait any longer leaves, and the answer is dropped.
   */
  call<T = void>(start: (sftp: SFTPWrapper, done: Done<T>) => void): Promise<T>
  /** Nothing comes through it any more. */
  readonly broken: boolean
  /** Cuts it; calls that are open fail. Idempotent. The server closes every file that was open in it. */
  close(): void
}

export type SftpTarget = ConnectConfig & { host: string; port: number }

/**
 * Logs in and opens one channel, which carries any number of requests at a time. A server that is silent for
 * `timeoutMs` while it owes an answer is given up, and so is one that does not answer when nothing else happens.
 * Throws `storage_unavailable`; an abort ends the attempt.
 */
export async function openSftpConnection(
  target: SftpTarget,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<SftpConnection> {
  const { host, port, ...login } = target
  const name = `sftp ${host}:${port}`
  // Of our own, because the library does not close one that it has half closed.
  const socket = connect({ host, port, noDelay: true })
  const client = new ssh2.Client()
  const opened = Promise.withResolvers<SFTPWrapper>()
  let whyBroken = (error: Error): void => opened.reject(error)
  const timer = setTimeout(() => whyBroken(new Error(`no connection within ${timeoutMs} ms`)), timeoutMs)
  const onAbort = () => whyBroken(asError(signal.reason))
  signal.addEventListener('abort', onAbort, { once: true })
  client
    .on('error', error => whyBroken(error))
    .on('close', () => whyBroken(new Error('the server closed the connection')))
    .once('ready', () => openChannel(client, opened))
  try {
    client.connect({ ...login, sock: socket, readyTimeout: 0, keepaliveInterval: timeoutMs, keepaliveCountMax: 2 })
    const sftp = await opened.promise
    const connection = createCalls(name, sftp, socket, timeoutMs)
    whyBroken = connection.fail
    sftp.on('error', connection.fail).on('close', () => connection.fail(new Error('the server closed the channel')))
    return connection
  } catch (error) {
    whyBroken = () => {}
    socket.destroy()
    throw new MortiseError('storage_unavailable', `${name}: ${asError(error).message}`, { cause: error })
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  }
}

function openChannel(client: ssh2.Client, { resolve, reject }: PromiseWithResolvers<SFTPWrapper>): void {
  try {
    client.sftp((error, sftp) => (error ? reject(error) : resolve(sftp)))
  } catch (error) {
    reject(error)
  }
}

function createCalls(
  name: string,
  sftp: SFTPWrapper,
  socket: Socket,
  timeoutMs: number,
): SftpConnection & { fail(error: Error): void } {
  const calls = new Set<(error: Error) => void>()
  let broken: MortiseError | null = null
  let answeredAt = 0

  function fail(error: Error): void {
    broken ??= new MortiseError('storage_unavailable', `${name}: ${error.message}`, { cause: error })
    socket.destroy()
    for (const reject of calls) reject(broken)
    calls.clear()
  }

  return {
    get broken() {
      return broken !== null
    },
    fail,
    close: () => fail(new Error('closed')),
    call: <T>(start: (sftp: SFTPWrapper, done: Done<T>) => void) =>
      new Promise<T>((resolve, reject) => {
        if (broken) return reject(broken)
        let rounds = 0
        const look = () => {
          rounds += 1
          const silentMs = performance.now() - answeredAt
          // Many answers may share a slow line; as long as some come, this one is in the queue.
          if (silentMs < timeoutMs && rounds < maxRounds) timer = setTimeout(look, timeoutMs)
          else fail(new Error(`the server was silent for ${timeoutMs} ms`))
        }
        let timer = setTimeout(look, timeoutMs)
        const onBroken = (error: Error) => {
          clearTimeout(timer)
          reject(error)
        }
        calls.add(onBroken)
        const end = () => {
          clearTimeout(timer)
          calls.delete(onBroken)
        }
        const done: Done<T> = (error, value) => {
          if (!calls.has(onBroken)) return
          // The library also says so when no answer will come.
          if (error && statusOf(error) === null) return fail(error)
          end()
          answeredAt = performance.now()
          if (error) reject(error)
          else resolve(value as T)
        }
        try {
          start(sftp, done)
        } catch (error) {
          // What it refuses by itself, for example because the server has no such extension.
          end()
          reject(error)
        }
      }),
  }
}

/** Time limits for one answer while others come. */
const maxRounds = 6
