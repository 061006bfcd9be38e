import { execFile, spawn } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { createServer } from 'node:net'
import path from 'node:path'
import { promisify } from 'node:util'
import autocannon from 'autocannon'
import { startPart } from '../cluster.ts'
import { startChild } from './child.ts'
import { pairedRatios, printRatios, type Row } from './measure.ts'
import { createSetting } from './setting.ts'

const rounds = 5
const seconds = 3

/** A cached derivative of about 20 kB, against a bare server with the same headers and bytes, and against nginx. */
export async function measureHits(): Promise<Row[]> {
  await using setting = await createSetting()
  await using part = await startPart('serve', setting.config('hit'))
  const target = '/bench/photo.jpg?width=400&quality=80'
  await readRaw(part.url + target)
  const { head, body } = await readRaw(part.url + target)
  const bodyFile = path.join(setting.folder, 'body.jpg')
  const headFile = path.join(setting.folder, 'head.json')
  await writeFile(bodyFile, body)
  await writeFile(headFile, JSON.stringify(head))
  await using bare = startChild('./bare-server.ts', [bodyFile, headFile])
  const bareUrl = `http://127.0.0.1:${JSON.parse(await bare.line()).port}/`

  const ours = () => load(part.url + target)
  const what = `hit, ${(body.byteLength / 1000).toFixed(1)} kB`
  const command = 'npm run bench -- hit'
  const ratios = await pairedRatios(rounds, ours, () => load(bareUrl))
  const rows: Row[] = [
    { what, against: 'bare node:http, requests/s', result: printRatios(ratios), target: '0.93', command },
  ]
  await using nginx = await startNginx(setting.folder, bodyFile)
  if (nginx) {
    const against = await pairedRatios(rounds, ours, () => load(nginx.url))
    rows.push({ what, against: 'nginx, one worker, requests/s', result: printRatios(against), target: 'none', command })
  }
  return rows
}

async function load(url: string): Promise<number> {
  const { requests, non2xx, errors } = await autocannon({ url, connections: 32, duration: seconds })
  if (non2xx > 0 || errors > 0) throw new Error(`${url}: ${non2xx} bad answers, ${errors} errors`)
  return requests.average
}

/** The header fields as they came, without those that the server adds by itself, and the body. */
function readRaw(url: string): Promise<{ head: string[]; body: Buffer }> {
  return new Promise((resolve, reject) => {
    request(url, response => {
      const chunks: Buffer[] = []
      response.on('data', chunk => chunks.push(chunk))
      response.on('end', () => {
        const head: string[] = []
        for (let i = 0; i < response.rawHeaders.length; i += 2) {
          const [name = '', value = ''] = response.rawHeaders.slice(i, i + 2)
          if (!/^(date|connection|keep-alive)$/i.test(name)) head.push(name, value)
        }
        resolve({ head, body: Buffer.concat(chunks) })
      })
    })
      .on('error', reject)
      .end()
  })
}

/** nginx serving the same file from disk, if it is installed. */
async function startNginx(folder: string, file: string): Promise<(AsyncDisposable & { url: string }) | null> {
  try {
    await promisify(execFile)('nginx', ['-v'])
  } catch {
    return null
  }
  const root = path.join(folder, 'nginx')
  await mkdir(root)
  const port = await freePort()
  const config = path.join(root, 'nginx.conf')
  await writeFile(
    config,
    `${process.getuid?.() === 0 ? 'user root; ' : ''}daemon off; worker_processes 1; pid ${root}/pid; error_log stderr crit;
events { worker_connections 256; }
http { access_log off; sendfile on; keepalive_requests 10000000; types { image/jpeg jpg; }
  client_body_temp_path ${root}; proxy_temp_path ${root}; fastcgi_temp_path ${root}; uwsgi_temp_path ${root}; scgi_temp_path ${root};
  server { listen 127.0.0.1:${port}; root ${path.dirname(file)}; } }`,
  )
  const child = spawn('nginx', ['-p', root, '-c', config], { stdio: 'inherit' })
  const url = `http://127.0.0.1:${port}/${path.basename(file)}`
  for (let tries = 0; tries < 100; tries++) {
    const up = await fetch(url)
      .then(({ ok }) => ok)
      .catch(() => false)
    if (up) break
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  return {
    url,
    async [Symbol.asyncDispose]() {
      const ended = new Promise(resolve => child.once('exit', resolve))
      child.kill('SIGTERM')
      await ended
    },
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}
