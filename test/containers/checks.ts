/** `node checks.ts URL`: looks at what prove.sh has started. Prints what holds; ends with 1 when something does not. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { Client } from 'minio'
import sharp from 'sharp'
import { until } from '../until.ts'

const [url = ''] = process.argv.slice(2)
const both = ['mortise-gateway-1', 'mortise-worker-1']

await check('a derivative is made and served: 768 px wide, as JPEG', async () => {
  const { width, format } = await pictureAt('/media/medium/harbour.jpg')
  assert.deepEqual([width, format], [768, 'jpeg'])
})

await check('the gateway has no sharp and no libvips, the worker has both', async () => {
  const find = `try { console.log(require('node:module').createRequire('/mortise/packages/image/src/render.ts').resolve('sharp')) } catch (error) { console.log(error.code) }`
  const places = await Promise.all(both.map(name => inside(name, 'node', '-e', find)))
  assert.equal(places[0], 'MODULE_NOT_FOUND')
  assert.match(places[1] ?? '', /\/sharp\//)
  const named = both.map(name => inside(name, 'find', '/mortise', '-name', '*sharp*', '-o', '-name', '*libvips*'))
  assert.deepEqual((await Promise.all(named)).map(Boolean), [false, true])
})

await check('both run as uid 1000 below tini, without capabilities, and cannot gain any', async () => {
  for (const name of both) {
    assert.equal(await inside(name, 'id', '-u'), '1000')
    assert.equal(await inside(name, 'cat', '/proc/1/comm'), 'tini')
    const status = await inside(name, 'cat', '/proc/1/status')
    for (const line of [/^CapEff:\t0+$/m, /^CapBnd:\t0+$/m, /^NoNewPrivs:\t1$/m]) assert.match(status, line)
  }
})

await check('their root file system is read-only, and nothing was written anywhere', async () => {
  for (const name of both) {
    const files = 'touch /mortise/x /home/node/x 2>&1; ls -A /tmp'
    const text = await inside(name, 'sh', '-c', files)
    assert.match(text, /^(touch: cannot touch '[^']+': Read-only file system\n?){2}$/)
    // What Docker itself makes for the mounted configuration.
    assert.deepEqual((await docker('diff', name)).split('\n'), [
      'C /etc',
      'A /etc/mortise',
      'A /etc/mortise/mortise.yml',
    ])
  }
})

await check('orphans are collected: no zombie stays', async () => {
  for (const name of both) {
    await inside(name, 'sh', '-c', 'sh -c "sleep 0.2 & exit" & sh -c "sleep 0.3 & exit"')
    await until('the orphans to be gone', async () => {
      const states = await inside(name, 'sh', '-c', 'cat /proc/[0-9]*/stat 2>/dev/null | cut -d" " -f2,3')
      return !/Z|sleep/.test(states)
    })
  }
})

await check('the health check of the images passes, and tells who is not there', async () => {
  for (const name of both) {
    const test = JSON.parse(await docker('inspect', '--format', '{{json .Config.Healthcheck.Test}}', name.slice(0, -2)))
    await inside(name, ...test.slice(1))
    await assert.rejects(docker('exec', '--env', 'INTERNAL_PORT=9', name, ...test.slice(1)), { code: 1 })
  }
})

const trial = new Client({
  ...{ endPoint: '127.0.0.1', port: Number(new URL(url).port), useSSL: false, region: 'mort' },
  ...{ accessKey: 'trial', secretKey: 'trial-media-secret', partSize: 512 * 1024 * 1024 },
})

await check('an upload of 300 MB in one request passes the balancer, and no gateway holds it', async () => {
  const bytes = Buffer.alloc(300_000_000, 'x')
  await trial.putObject('media', 'up/large.bin', bytes)
  assert.equal((await trial.statObject('media', 'up/large.bin')).size, bytes.length)
  const peaks = ['mortise-gateway-1', 'mortise-gateway-2'].map(async name => {
    const peak = 'cat /sys/fs/cgroup/memory/memory.max_usage_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.peak'
    return Number(await inside(name, 'sh', '-c', peak))
  })
  assert.ok(Math.max(...(await Promise.all(peaks))) < 256 * 1024 * 1024)
})

await check('what is put into MinIO behind the gateways has derivatives before anybody asks', async () => {
  const demo = '/media-derivatives/harbour.jpg'
  await mc('cp', 'store/media/harbour.jpg', 'store/media/behind.jpg')
  await until(
    'derivatives of behind.jpg',
    async () => (await mc('ls', `store${demo.replace('harbour', 'behind')}/`)) !== '',
  )
})

await check(
  'a gateway and a worker are stopped under load: every answer is 200, and they end with 0 in time',
  async () => {
    let done = false
    const statuses: number[] = []
    const ask = async (offset: number) => {
      for (let i = 0; !done; i++) {
        const answer = await fetch(`${url}/media/harbour.jpg?width=${100 + i * 4 + offset}`)
        await answer.bytes()
        statuses.push(answer.status)
      }
    }
    const load = Promise.all([0, 1, 2, 3].map(ask))
    await until('load', () => statuses.length > 20)
    const before = Date.now()
    await Promise.all(both.map(name => docker('stop', '--time', '35', name)))
    assert.ok(Date.now() - before < 25_000)
    const stopped = statuses.length
    await until('more load', () => statuses.length > stopped + 20)
    done = true
    await load
    assert.deepEqual([...new Set(statuses)], [200])
    for (const name of both) assert.equal(await docker('inspect', '--format', '{{.State.ExitCode}}', name), '0')
  },
)

await check('a start that has no Redis and no network ends at SIGTERM, too', async () => {
  const file = new URL('../../deploy/compose/mortise.yml', import.meta.url).pathname
  const mount = ['--volume', `${file}:/etc/mortise/mortise.yml:ro`]
  const variables = await docker(
    'inspect',
    '--format',
    '{{range .Config.Env}}{{println .}}{{end}}',
    'mortise-gateway-2',
  )
  const env = variables.split('\n').flatMap(line => ['--env', line])
  const id = await docker('run', '--detach', '--network', 'none', '--read-only', ...mount, ...env, 'mortise-gateway')
  const before = Date.now()
  await docker('stop', '--time', '30', id)
  assert.ok(Date.now() - before < 20_000)
  assert.notEqual(await docker('inspect', '--format', '{{.State.ExitCode}}', id), '137')
})

async function check(what: string, holds: () => Promise<void>): Promise<void> {
  try {
    await holds()
    console.log(`ok   ${what}`)
  } catch (error) {
    console.log(`FAIL ${what}`)
    console.error(error)
    process.exitCode = 1
  }
}

async function docker(...args: string[]): Promise<string> {
  return (await promisify(execFile)('/usr/bin/docker', args, { timeout: 60_000 })).stdout.trim()
}

function inside(name: string, ...command: string[]): Promise<string> {
  return docker('exec', name, ...command)
}

function mc(...args: string[]): Promise<string> {
  const store = 'MC_HOST_store=http://mortise:trial-minio-secret@127.0.0.1:9000'
  return docker('exec', '--env', store, 'mortise-minio-1', 'mc', ...args)
}

async function pictureAt(path: string) {
  const answer = await fetch(url + path)
  assert.equal(answer.status, 200)
  return sharp(await answer.bytes()).metadata()
}
