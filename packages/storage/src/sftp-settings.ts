import { MortiseError } from '@mortise/errors'
import ssh2, { type ConnectConfig } from 'ssh2'

/** mort's names. Texts that are empty count as absent. */
export type SftpServer = {
  sftpHost: string
  /** Absent: 22. */
  sftpPort?: string
  sftpUsername: string
  /** A password, a private key or both; the key is tried first. */
  sftpPassword?: string
  /** The text of the key, in OpenSSH's format or PEM. */
  sftpPrivateKey?: string
  sftpPrivateKeypassphrase?: string
  /** As in `ssh_host_ed25519_key.pub`. Absent: any server is believed. */
  sftpHostPublicKey?: string
}

/** How to log in. Throws `invalid_config`, which never holds a secret. */
export function readSftpServer(server: SftpServer): ConnectConfig & { host: string; port: number } {
  const { sftpHost, sftpPort = '', sftpUsername, sftpPassword = '', sftpPrivateKey = '' } = server
  const port = Number(sftpPort || 22)
  if (sftpHost === '') throw invalid('sftpHost is empty')
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw invalid(`bad sftpPort "${sftpPort}"`)
  if (sftpUsername === '') throw invalid('sftpUsername is empty')
  if (sftpPassword === '' && sftpPrivateKey === '') throw invalid('there is neither sftpPassword nor sftpPrivateKey')
  const { sftpPrivateKeypassphrase: passphrase, sftpHostPublicKey: hostKey } = server
  return {
    host: sftpHost,
    port,
    username: sftpUsername,
    ...(sftpPrivateKey === '' ? {} : readPrivateKey(sftpPrivateKey, passphrase)),
    ...(sftpPassword === '' ? {} : { password: sftpPassword }),
    // Without `none`, which would tell the methods and counts as a failure with some servers.
    authHandler: [
      ...(sftpPrivateKey === '' ? [] : ['publickey']),
      ...(sftpPassword === '' ? [] : ['password']),
    ] as never,
    ...(hostKey ? onlyHost(hostKey) : {}),
  }
}

function readPrivateKey(text: string, passphrase = ''): ConnectConfig {
  const key = ssh2.utils.parseKey(text, passphrase)
  if (key instanceof Error) throw invalid(`sftpPrivateKey: ${key.message}`)
  const isPrivate = [key].flat().every(one => one.isPrivateKey())
  if (!isPrivate) throw invalid('sftpPrivateKey is a public key')
  return { privateKey: text, ...(passphrase === '' ? {} : { passphrase }) }
}

/** The server is asked for a key of this type, for it may have one of each. */
function onlyHost(line: string): ConnectConfig {
  const [, type = '', text = ''] = /(?:^|\s)((?:ssh|ecdsa)-[\w-]+)\s+([\w+/=]+)/.exec(line) ?? []
  const key = ssh2.utils.parseKey(`${type} ${text}`)
  if (key instanceof Error) throw invalid(`sftpHostPublicKey is no public key: ${key.message}`)
  const expected = [key].flat()[0]!.getPublicSSH()
  const algorithms = type === 'ssh-rsa' ? ['rsa-sha2-512', 'rsa-sha2-256', 'ssh-rsa'] : [type]
  return {
    algorithms: { serverHostKey: algorithms as never },
    hostVerifier: (found: Buffer) => found.equals(expected),
  }
}

function invalid(why: string): MortiseError {
  return new MortiseError('invalid_config', `sftp: ${why}`)
}
