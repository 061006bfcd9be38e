import { createHash, createHmac } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import { until } from '../until.ts'
import { keys } from './s3-site.ts'

export type RawAnswer = { status: number; headers: Record<string, string>; text: string; code: string | undefined }

/** A connection on which a test says what it likes. */
export type Line = {
  socket: Socket
  /** Text is Latin-1. */
  say(...pieces: (string | Uint8Array)[]): void
  /** Resolves when the server has asked for a body (100). */
  asked(): Promise<void>
  /** How often it has asked. */
  readonly asks: number
  /** The next answer: its head, and as much of a body as that announces. */
  answer(): Promise<RawAnswer>
  /** Resolves when the connection is over, from either side. */
  over(): Promise<void>
}

/** It is cut when the test is over. */
export function dial(url: string): Line {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  onTestFinished(() => void socket.destroy())
  let [text, asks] = ['', 0]
  socket.on('error', () => {})
  socket.on('data', (bytes: Buffer) => {
    text += bytes.toString('latin1')
    if (!text.startsWith(asking)) return
    text = text.slice(asking.length)
    asks += 1
  })
  return {
    socket,
    say(...pieces) {
      for (const piece of pieces) socket.write(typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece)
    },
    asked: () => until('the server to ask for the body', () => asks > 0),
    get asks() {
      return asks
    },
    async answer() {
      let found: { answer: RawAnswer; length: number } | null = null
      await until('an answer', () => {
        found = readAnswer(text)
        return found !== null
      })
      const { answer, length } = found as unknown as { answer: RawAnswer; length: number }
      text = text.slice(length)
      return answer
    },
    over: () => until('the connection to be over', () => socket.closed),
  }
}

const asking = 'HTTP/1.1 100 Continue\r\n\r\n'

function readAnswer(text: string): { answer: RawAnswer; length: number } | null {
  const end = text.indexOf('\r\n\r\n')
  if (end === -1) return null
  const [first = '', ...lines] = text.slice(0, end).split('\r\n')
  const headers = Object.fromEntries(
    lines.map(line => {
      const at = line.indexOf(':')
      return [line.slice(0, at).toLowerCase(), line.slice(at + 1).trim()]
    }),
  )
  const length = end + 4 + Number(headers['content-length'] ?? 0)
  if (text.length < length) return null
  const body = text.slice(end + 4, length)
  const answer = {
    status: Number(first.split(' ')[1]),
    headers,
    text: body,
    code: /<Code>(.*)<\/Code>/.exec(body)?.[1],
  }
  return { answer, length }
}

/** A request line and its fields. */
export function headOf(method: string, target: string, headers: Record<string, string>): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return `${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n`
}

const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest()
const sha256 = (text: string) => createHash('sha256').update(text, 'latin1').digest('hex')

function stamp() {
  const date = new Date().toISOString().replace(/[-:]|\.\d+/g, '')
  const scope = `${date.slice(0, 8)}/mort/s3/aws4_request`
  const key = scope.split('/').reduce<string | Buffer>(hmac, `AWS4${keys.secretAccessKey}`)
  return { date, scope, key }
}

/** The head of a request that {@link keys} have signed in the header, with all its `x-amz-` fields; `target` needs no escapes. */
export function signedHead(
  url: string,
  { method = 'PUT', target, headers = {}, payload = 'UNSIGNED-PAYLOAD' }: Draft,
): string {
  const { date, scope, key } = stamp()
  const own = Object.entries(headers).filter(([name]) => name.startsWith('x-amz-'))
  const signed: Record<string, string> = {
    ...{ host: new URL(url).host, 'x-amz-content-sha256': payload, 'x-amz-date': date },
    ...Object.fromEntries(own),
  }
  const [path, query = ''] = target.split('?')
  const names = Object.keys(signed).toSorted()
  const fields = names.map(name => `${name}:${signed[name]}\n`).join('')
  const canonical = [method, path, query, fields, names.join(';'), payload].join('\n')
  const text = ['AWS4-HMAC-SHA256', date, scope, sha256(canonical)].join('\n')
  const signature = hmac(key, text).toString('hex')
  const authorization = `AWS4-HMAC-SHA256 Credential=${keys.accessKey}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}`
  return headOf(method, target, { ...signed, ...headers, authorization })
}

type Draft = { method?: string; target: string; headers?: Record<string, string>; payload?: string }

/** The beginning of a form for `media` that its policy allows, up to the first byte of the file; and what ends it. */
export function formAround(fields: Record<string, string>, id = ''): { top: Buffer; end: string } {
  const { date, scope, key } = stamp()
  const credential = `${keys.accessKey}/${scope}`
  const policy = Buffer.from(
    JSON.stringify({
      id,
      expiration: new Date(Date.now() + 600_000).toISOString(),
      conditions: [
        { bucket: 'media' },
        { 'x-amz-algorithm': 'AWS4-HMAC-SHA256' },
        { 'x-amz-credential': credential },
        { 'x-amz-date': date },
        ...Object.keys(fields).map(name => ['starts-with', `$${name}`, '']),
      ],
    }),
  ).toString('base64')
  const all = {
    'x-amz-algorithm': 'AWS4-HMAC-SHA256',
    'x-amz-credential': credential,
    'x-amz-date': date,
    policy,
    'x-amz-signature': hmac(key, policy).toString('hex'),
    ...fields,
  }
  const parts = Object.entries(all).map(([name, value]) => `${field(name)}\r\n\r\n${value}\r\n`)
  return { top: Buffer.from(`${parts.join('')}${field('file')}; filename="a"\r\n\r\n`), end: '\r\n--x--\r\n' }
}

export const field = (name: string) => `--x\r\nContent-Disposition: form-data; name="${name}"`

/** The head of a form of so many bytes. */
export function formHead(url: string, target: string, length: number, more: Record<string, string> = {}): string {
  const type = { 'content-type': 'multipart/form-data; boundary=x', 'content-length': String(length) }
  return headOf('POST', target, { host: new URL(url).host, ...type, ...more })
}
