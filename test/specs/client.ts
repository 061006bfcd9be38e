import { connect } from 'node:net'
import sharp from 'sharp'
import type { Cluster, Part } from '../cluster.ts'
import { untilEqual } from '../until.ts'

/** One answer, read to its end. */
export type Answer = { status: number; headers: Headers; bytes: Uint8Array; text: string }

type Sent = { method?: string; headers?: Record<string, string>; body?: string }

const deadlineMs = 30_000

export async function send(url: string, sent: Sent = {}): Promise<Answer> {
  const response = await fetch(url, { ...sent, redirect: 'manual', signal: AbortSignal.timeout(deadlineMs) })
  const bytes = await response.bytes()
  return { status: response.status, headers: response.headers, bytes, text: new TextDecoder().decode(bytes) }
}

export function get(url: string, headers: Record<string, string> = {}): Promise<Answer> {
  return send(url, { headers })
}

export function head(url: string, headers: Record<string, string> = {}): Promise<Answer> {
  return send(url, { method: 'HEAD', headers })
}

/** Sends a request line as it is written here, which `fetch` would tidy up first. The body is latin-1 text. */
export async function sendRaw(base: string, line: string, headers: string[] = []) {
  const { hostname, port } = new URL(base)
  const socket = connect({ host: hostname, port: Number(port), signal: AbortSignal.timeout(deadlineMs) })
  const lines = [`${line} HTTP/1.1`, `Host: ${hostname}`, 'Connection: close', ...headers, '', '']
  socket.write(Buffer.from(lines.join('\r\n'), 'latin1'))
  const chunks: Buffer[] = []
  for await (const chunk of socket) chunks.push(chunk)
  const [top = '', ...body] = Buffer.concat(chunks).toString('latin1').split('\r\n\r\n')
  const [status = '', ...fields] = top.split('\r\n')
  return { status: Number(status.split(' ')[1]), fields, body: body.join('\r\n\r\n') }
}

/** What an answer says about its picture, and what the picture itself says. */
export async function pictureOf({ status, headers, bytes, text }: Answer) {
  if (!headers.get('content-type')?.startsWith('image/')) return { status, text }
  const { width, height, format, compression } = await sharp(bytes).metadata()
  return {
    status,
    type: headers.get('content-type'),
    size: `${width}x${height}`,
    declaredSize: `${headers.get('x-amz-meta-public-width')}x${headers.get('x-amz-meta-public-height')}`,
    format: compression === 'av1' ? 'avif' : format,
  }
}

/** What {@link pictureOf} gives for a derivative as it should be. */
export function derivative(size: string, format = 'jpeg') {
  return { status: 200, type: `image/${format}`, size, declaredSize: size, format }
}

/** The sum of a metric over its labels. */
export async function metric({ internalUrl }: Part, name: string): Promise<number> {
  const { text } = await get(`${internalUrl}/metrics`)
  const samples = text.split('\n').filter(line => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
  return samples.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
}

/** Renders that a cluster has done so far. */
export function renders({ worker }: Cluster): Promise<number> {
  return metric(worker, 'mort_generation_time_count')
}

/** A client is answered before its derivative is stored; the job ends after that. */
export function whenStored({ worker }: Cluster): Promise<void> {
  return untilEqual('the jobs in hand', () => metric(worker, 'mortise_jobs_in_hand'), 0)
}
