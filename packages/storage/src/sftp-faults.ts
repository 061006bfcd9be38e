import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, mkdir, mkdtemp, readdir, readlink, rm } from 'node:fs/promises'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import ssh2, { type ServerChannel } from 'ssh2'
import type { End, Fault, FaultyStorage } from './conformance-faults.ts'
import type { SftpStorageOptions } from './sftp.ts'
import type { Storage } from './storage.ts'

/** The numbers of requests in draft-ietf-secsh-filexfer-02; extensions have a name. */
const numbers = { open: 3, close: 4, read: 5, write: 6, fstat: 8, remove: 13, stat: 17, rename: 18 } as const
type Request = keyof typeof numbers | 'posix-rename@openssh.com' | 'fsync@openssh.com'

/**
 * What happens to one request: it fails at the server without being tried, the connection is cut before it arrives or
 * before it is answered, or nothing gets through any more until all is well.
 */
type Deed = 'refuse' | 'cut before' | 'cut after' | 'stop'

/** `nth`: of the requests of this name to come, from 1. */
type Trouble = { request: Request; nth: number; deed: Deed; onReached?: () => void; release?: () => void }

export type FaultySftp = FaultyStorage & { trouble(next: Trouble): void }

/**
 * OpenSSH's own `sftp-server` on an empty folder, behind logins that always succeed, and a storage that uses it. Requests
 * and answers can be told apart on the way.
 */
export async function openFaultySftp(
  open: (options: SftpStorageOptions) => Storage,
  options: { timeoutMs: number },
): Promise<FaultySftp> {
  const program = await findServer()
  const folder = await mkdtemp(join(tmpdir(), 'mortise-faults-'))
  await mkdir(join(folder, 'photos'))
  const sessions = new Set<ChildProcessWithoutNullStreams>()
  const sockets = new Set<Socket>()
  let trouble: Trouble | undefined

  const ssh = new ssh2.Server({ hostKeys: [hostKey] }, client => {
    client.on('error', () => {}).on('authentication', context => context.accept())
    client.on('session', accept => {
      // Of the subsystem `sftp` the library would make a server of its own.
      accept().on(
        'subsystem' as never,
        ((begin: () => ServerChannel) => {
          const child = spawn(program, { stdio: ['pipe', 'pipe', 'pipe'] })
          sessions.add(child)
          child.once('exit', () => sessions.delete(child))
          const cut = () => (client as unknown as { _sock: Socket })._sock.destroy()
          relay(begin(), child, cut, () => trouble)
        }) as never,
      )
    })
  })
  const server = createServer({ noDelay: true }, socket => {
    sockets.add(socket)
    socket.on('error', () => {}).once('close', () => sockets.delete(socket))
    ssh.injectSocket(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const login = {
    sftpHost: '127.0.0.1',
    sftpPort: String((server.address() as AddressInfo).port),
    sftpUsername: 'me',
    sftpPassword: 'any',
    sftpBasePath: folder,
  }
  // The limit is one for logins, too.
  const storage = open({ ...login, timeoutMs: 2 * options.timeoutMs })
  const patient = open(login)
  return {
    storage,
    patient,
    trouble(next) {
      trouble = next
    },
    heal() {
      trouble?.release?.()
      trouble = undefined
    },
    async leftovers() {
      const names = await readdir(folder, { recursive: true })
      const files = await Promise.all([...sessions].map(({ pid }) => openFiles(pid!, folder)))
      return [...names.filter(name => name.includes('\\')), ...files.flat().map(name => `open: ${name}`)]
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([storage[Symbol.asyncDispose](), patient[Symbol.asyncDispose]()])
      for (const socket of sockets) socket.destroy()
      for (const child of sessions) child.kill('SIGKILL')
      server.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

const unavailable: End = 'storage_unavailable'
const failing = { bytes: unavailable, stream: unavailable }
const again = { bytes: 'done', stream: unavailable } as const
const aborted = { bytes: 'aborted', stream: 'aborted' } as const

type Row = Pick<Fault<FaultySftp>, 'get' | 'put' | 'stored' | 'open' | 'silent'>

const getSteps: [request: Request, nth: number, when: 'opening' | 'reading' | 'leaving'][] = [
  ['open', 1, 'opening'],
  ['fstat', 1, 'opening'],
  ['read', 1, 'reading'],
  ['read', 3, 'reading'],
  ['fstat', 2, 'reading'],
  ['close', 1, 'leaving'],
]

const putSteps: [request: Request, nth: number][] = [
  ['stat', 1],
  ['open', 1],
  ['write', 1],
  ['write', 3],
  ['fsync@openssh.com', 1],
  ['fstat', 1],
  ['close', 1],
  ['posix-rename@openssh.com', 1],
]

/** Every fault at every request that a get and a put consist of. */
export function sftpFaults(): Fault<FaultySftp>[] {
  return [...getSteps.flatMap(getFaults), ...putSteps.flatMap(putFaults)]
}

function getFaults([request, nth, when]: (typeof getSteps)[number]): Fault<FaultySftp>[] {
  const open = when === 'opening' ? undefined : true
  // Nobody waits for the answer to the close.
  const ends = when === 'leaving' ? 'done' : unavailable
  return [
    fault(request, nth, 'refuse', { get: ends, open }),
    fault(request, nth, 'cut before', { get: when === 'reading' ? unavailable : 'done', open }),
    fault(request, nth, 'cut after', { get: when === 'reading' ? unavailable : 'done', open }),
    fault(request, nth, 'stop', { get: ends, open, silent: true }),
    ...(when === 'leaving' ? [] : [fault(request, nth, 'stop', { get: 'aborted', open }, true)]),
  ]
}

function putFaults([request, nth]: (typeof putSteps)[number]): Fault<FaultySftp>[] {
  const named = request === 'posix-rename@openssh.com' ? { stored: true as const } : {}
  return [
    fault(request, nth, 'refuse', { put: failing }),
    fault(request, nth, 'cut before', { put: again }),
    fault(request, nth, 'cut after', { put: again, ...named }),
    fault(request, nth, 'stop', { put: failing, silent: true }),
    fault(request, nth, 'stop', { put: aborted, ...named }, true),
  ]
}

function fault(request: Request, nth: number, deed: Deed, row: Row, aborts = false): Fault<FaultySftp> {
  const happens = { refuse: 'is refused', 'cut before': 'is cut off', 'cut after': 'is not answered, but cut off' }
  const what = aborts ? 'is aborted' : deed === 'stop' ? 'is not answered' : happens[deed]
  return {
    name: `request "${request}" ${nth} ${what}`,
    arrange: (faulty, abort) => faulty.trouble({ request, nth, deed, ...(aborts ? { onReached: abort } : {}) }),
    ...row,
  }
}

function relay(
  channel: ServerChannel,
  child: ChildProcessWithoutNullStreams,
  cut: () => void,
  current: () => Trouble | undefined,
): void {
  let awaited: number | undefined
  let refused: number | undefined
  let held: Buffer[] | undefined

  const onRequest = (packet: Buffer) => {
    if (held) return void held.push(packet)
    const trouble = current()
    const isHere = trouble && nameOf(packet) === trouble.request && --trouble.nth === 0
    if (!isHere) return void child.stdin.write(packet)
    const { deed, onReached } = trouble
    if (deed === 'cut before') cut()
    const id = packet.readUInt32BE(5)
    if (deed === 'refuse') {
      refused = id
      // A close that fails has closed all the same.
      if (trouble.request === 'close') child.stdin.write(packet)
      else channel.write(failure(id))
    }
    if (deed === 'stop') {
      held = [packet]
      // Who gave the connection up does not get it back.
      const release = () => {
        for (const packet of held ?? []) child.stdin.write(packet)
        held = undefined
      }
      if (onReached) trouble.release = release
    }
    if (deed === 'cut after') {
      awaited = id
      child.stdin.write(packet)
    }
    onReached?.()
  }
  const onAnswer = (packet: Buffer) => {
    // The first answer, to the greeting, has no number.
    const id = packet.length >= 9 ? packet.readUInt32BE(5) : undefined
    if (id !== undefined && id === awaited) cut()
    else channel.write(id !== undefined && id === refused ? failure(id) : packet)
  }
  channel.on('data', framed(onRequest)).on('error', () => {})
  channel.once('close', () => child.kill('SIGKILL'))
  child.stdout.on('data', framed(onAnswer))
  child.stdin.on('error', () => {})
}

/** Packets begin with their length in four bytes, then a byte that says of which kind they are, then their number. */
function framed(onPacket: (packet: Buffer) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0)
  return chunk => {
    rest = Buffer.concat([rest, chunk])
    while (rest.length >= 4) {
      const end = 4 + rest.readUInt32BE(0)
      if (rest.length < end) return
      const packet = rest.subarray(0, end)
      rest = rest.subarray(end)
      onPacket(packet)
    }
  }
}

const extended = 200

function nameOf(packet: Buffer): string | undefined {
  const kind = packet[4]
  if (kind === extended) return packet.toString('utf8', 13, 13 + packet.readUInt32BE(9))
  return Object.entries(numbers).find(([, number]) => number === kind)?.[0]
}

/** SSH_FXP_STATUS with SSH_FX_FAILURE, as of a disk that is full. */
function failure(id: number): Buffer {
  const [kind, code, said] = [101, 4, Buffer.from('Failure')]
  const packet = Buffer.alloc(21 + said.length)
  packet.writeUInt32BE(packet.length - 4, 0)
  packet.writeUInt8(kind, 4)
  packet.writeUInt32BE(id, 5)
  packet.writeUInt32BE(code, 9)
  packet.writeUInt32BE(said.length, 13)
  said.copy(packet, 17)
  return packet
}

async function openFiles(pid: number, folder: string): Promise<string[]> {
  const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => [])
  const targets = await Promise.all(descriptors.map(fd => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')))
  return targets.filter(target => target.startsWith(folder)).map(target => target.slice(folder.length))
}

const hostKey = ssh2.utils.generateKeyPairSync('ed25519').private

/** Where Debian, Fedora, Alpine and macOS have it. */
const folders = ['/usr/lib/openssh', '/usr/libexec/openssh', '/usr/lib/ssh', '/usr/libexec']

async function findServer(): Promise<string> {
  for (const folder of folders) {
    const program = join(folder, 'sftp-server')
    if (
      await access(program).then(
        () => true,
        () => false,
      )
    )
      return program
  }
  throw new Error(
    'tests need OpenSSH\'s sftp-server; install it, for example with "apt-get install openssh-sftp-server"',
  )
}
