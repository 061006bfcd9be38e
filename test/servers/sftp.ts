import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { access, constants, mkdir, mkdtemp, readdir, readlink, rm, writeFile } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { delimiter, isAbsolute, join } from 'node:path'
import { promisify } from 'node:util'
import ssh2 from 'ssh2'

export type SftpServer = AsyncDisposable & {
  /** The settings of a storage that has its objects here. */
  storage: {
    sftpHost: string
    sftpPort: string
    sftpUsername: string
    sftpPrivateKey: string
    sftpHostPublicKey: string
    sftpBasePath: string
  }
  /** What `sftpBasePath` is on this disk. */
  folder: string
  /** Files in it that server processes have open now, by name. Linux only. */
  openFiles(): Promise<string[]>
  /** Connections of clients now. */
  readonly connections: number
  /** Connections so far. */
  readonly accepted: number
  /** Cuts every connection. */
  sever(): void
  /** `silent`: nothing comes through any more, either way. `closed`: new connections are cut, and old ones too. */
  behave(how: 'open' | 'silent' | 'closed'): void
  /** Called from now on before an answer of the server, or a part of one, is passed on. */
  beforeAnswer(listener: () => void): void
}

/**
 * OpenSSH's own server on a free port, with its own keys and settings, behind a socket that can be cut. `refused`:
 * requests that it does not know, as those of other makers (`posix-rename`, `fsync`).
 */
export async function startSftp({ refused = [] }: { refused?: string[] } = {}): Promise<SftpServer> {
  const sshd = await findSshd()
  const folder = await mkdtemp(join(tmpdir(), 'mortise-sftp-'))
  const keys = { host: ssh2.utils.generateKeyPairSync('ed25519'), user: ssh2.utils.generateKeyPairSync('ed25519') }
  const data = join(folder, 'data')
  await mkdir(data)
  const config = await writeSettings(folder, keys, refused)
  // Run by hand, `-i` serves one connection, which is its standard input and output; so no port has to be guessed.
  const line = createLine(() => spawn(sshd, ['-i', '-e', '-f', config], { stdio: ['pipe', 'pipe', 'ignore'] }))
  const port = await line.listen()
  return {
    storage: {
      sftpHost: '127.0.0.1',
      sftpPort: String(port),
      sftpUsername: userInfo().username,
      sftpPrivateKey: keys.user.private,
      sftpHostPublicKey: keys.host.public,
      sftpBasePath: data,
    },
    folder: data,
    openFiles: () => openFilesBelow(data),
    get connections() {
      return line.sockets.size
    },
    get accepted() {
      return line.accepted
    },
    sever: line.sever,
    behave: line.behave,
    beforeAnswer: line.beforeAnswer,
    async [Symbol.asyncDispose]() {
      await line.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

type Keys = Record<'host' | 'user', { private: string; public: string }>

async function writeSettings(folder: string, { host, user }: Keys, refused: string[]): Promise<string> {
  const [hostFile, usersFile, config] = ['host_key', 'users', 'sshd_config'].map(name => join(folder, name)) as [
    string,
    string,
    string,
  ]
  await writeFile(hostFile, host.private, { mode: 0o600 })
  await writeFile(usersFile, `${user.public}\n`)
  const lines = [
    `HostKey ${hostFile}`,
    `AuthorizedKeysFile ${usersFile}`,
    // The folder is below that of all temporary files.
    'StrictModes no',
    'UsePAM no',
    'PermitRootLogin yes',
    'PasswordAuthentication no',
    `Subsystem sftp internal-sftp ${refused.length > 0 ? `-P ${refused.join(',')}` : ''}`,
  ]
  await writeFile(config, lines.join('\n'))
  // Root's server keeps its unprivileged half there; usually whoever starts the service makes it.
  if (process.getuid?.() === 0) await mkdir('/run/sshd', { recursive: true, mode: 0o755 })
  return config
}

/** One server process for each connection, and what lies between them. */
function createLine(start: () => ChildProcess) {
  const sockets = new Set<Socket>()
  let how: 'open' | 'silent' | 'closed' = 'open'
  let accepted = 0
  let onAnswer = () => {}
  const sever = () => {
    for (const socket of sockets) socket.destroy()
  }
  const server = createServer(socket => {
    if (how === 'closed') return void socket.destroy()
    accepted += 1
    sockets.add(socket)
    const child = start()
    const end = () => {
      sockets.delete(socket)
      socket.destroy()
      child.kill('SIGKILL')
    }
    socket.on('error', end).on('close', end)
    child.once('exit', end).once('error', end)
    child.stdin!.on('error', end)
    // What is not read ends without being seen to end.
    if (how === 'silent') return void socket.resume()
    socket.pipe(child.stdin!)
    child.stdout!.on('data', () => onAnswer()).pipe(socket)
    socket.once('silence', () => {
      socket.unpipe()
      child.stdout!.unpipe()
      socket.resume()
    })
  })
  return {
    sockets,
    get accepted() {
      return accepted
    },
    sever,
    behave(next: typeof how) {
      how = next
      if (next === 'closed') sever()
      if (next === 'silent') for (const socket of sockets) socket.emit('silence')
    },
    beforeAnswer(listener: () => void) {
      onAnswer = listener
    },
    async listen(): Promise<number> {
      await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
      const address = server.address()
      return typeof address === 'object' ? address!.port : 0
    },
    async close() {
      sever()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

async function openFilesBelow(folder: string): Promise<string[]> {
  const processes = (await readdir('/proc')).filter(name => /^\d+$/.test(name))
  const open = processes.map(async id => {
    const descriptors = await readdir(`/proc/${id}/fd`).catch(() => [])
    const targets = await Promise.all(descriptors.map(fd => readlink(`/proc/${id}/fd/${fd}`).catch(() => '')))
    return targets.filter(target => target.startsWith(folder)).map(target => target.slice(folder.length))
  })
  return (await Promise.all(open)).flat().sort()
}

const run = promisify(execFile)

const advice = 'tests need OpenSSH\'s sshd; install it, for example with "apt-get install openssh-server"'

/**
 * The server of this machine, by its absolute path, without which it does not start. Root gets it installed where there
 * is none, as in a container; on the machine of a person no test sets up a service that others can log in to.
 */
export async function findSshd(): Promise<string> {
  const found = await installedSshd()
  if (found) return found
  if (process.getuid?.() !== 0) throw new Error(advice)
  const packages = 'DEBIAN_FRONTEND=noninteractive apt-get install -y -q -o DPkg::Lock::Timeout=120 openssh-server'
  await run('sh', ['-c', `apt-get update -q && ${packages}`], { timeout: 240_000 }).catch(cause => {
    throw new Error(advice, { cause })
  })
  const installed = await installedSshd()
  if (!installed) throw new Error(advice)
  return installed
}

async function installedSshd(): Promise<string | null> {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  for (const folder of folders.filter(isAbsolute)) {
    const runs = await access(join(folder, 'sshd'), constants.X_OK).then(
      () => true,
      () => false,
    )
    if (runs) return join(folder, 'sshd')
  }
  return null
}
