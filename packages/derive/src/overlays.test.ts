import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { MortiseError } from '@mortise/errors'
import type { Fetched } from '@mortise/fetch'
import type { Plan } from '@mortise/plan'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { hang, textOf } from './harness.ts'
import { createOverlays } from './overlays.ts'

const folder = await mkdtemp(path.join(tmpdir(), 'mortise-overlays-'))
afterAll(() => rm(folder, { recursive: true }))
const logo = path.join(folder, 'logo.png')
await writeFile(logo, 'a logo')
await writeFile(path.join(folder, 'large.png'), 'x'.repeat(101))
await writeFile(path.join(folder, 'secret'), 'a secret')

const never = new AbortController().signal
const url = 'https://example.com/mark.png'

describe('the images of a plan', () => {
  it('are fetched, each once, and go by the names in the steps', async () => {
    const { overlays, fetched } = setUp()
    const other = 'https://example.com/other.png'
    const found = await overlays.collect(passes([url, other], [url]), never)
    expect([...found].map(([name, bytes]) => [name, textOf(bytes)])).toEqual([
      [url, `bytes of ${url}`],
      [other, `bytes of ${other}`],
    ])
    expect(fetched).toEqual([url, other])
  })

  it('are none without a watermark', async () => {
    const { overlays, fetched } = setUp()
    expect((await overlays.collect([[{ op: 'grayscale' }]], never)).size).toBe(0)
    expect(fetched).toEqual([])
  })

  it('are not more than eight', async () => {
    const { overlays, fetched } = setUp()
    const urls = Array.from({ length: 9 }, (_, i) => `${url}?${i}`)
    await expect(overlays.collect(passes(urls), never)).rejects.toMatchObject({ code: 'invalid_request' })
    expect(fetched).toEqual([])
    expect((await overlays.collect(passes(urls.slice(1)), never)).size).toBe(8)
  })
})

describe('a local file', () => {
  it('is read when a preset names it', async () => {
    const { overlays, fetched } = setUp()
    const name = `file:${logo}`
    expect(textOf((await overlays.collect(passes([name]), never)).get(name)!)).toBe('a logo')
    expect(fetched).toEqual([])
  })

  it.each([
    ['no preset names it', 'secret', 'watermark: no preset of this worker names this file'],
    ['another spelling of a named path', './logo.png', 'watermark: no preset of this worker names this file'],
    ['it is not there', 'absent.png', 'watermark: the file cannot be read (ENOENT)'],
    ['it is a folder', '', 'watermark: not a file'],
    ['it has more bytes than allowed', 'large.png', 'watermark: more than 100 bytes'],
  ])('is refused when %s, and nobody learns where', async (_, name, message) => {
    const files = ['logo.png', 'absent.png', '', 'large.png'].map(file => `${folder}/${file}`)
    const { overlays } = setUp({ files: new Set(files) })
    const refused = overlays.collect(passes([`file:${folder}/${name}`]), never)
    await expect(refused).rejects.toMatchObject({ code: 'invalid_request', message })
  })
})

describe('an image', () => {
  it('is kept for five minutes', async () => {
    const { overlays, fetched, wait } = setUp()
    await overlays.collect(passes([url]), never)
    wait(5 * 60_000)
    await overlays.collect(passes([url]), never)
    expect(fetched).toHaveLength(1)
    wait(1)
    await overlays.collect(passes([url]), never)
    expect(fetched).toHaveLength(2)
  })

  it('makes room for others beyond 64 MiB', async () => {
    const { overlays, fetched } = setUp({ answer: async () => new Uint8Array(16 * 1024 * 1024) })
    const urls = Array.from({ length: 5 }, (_, i) => `${url}?${i}`)
    for (const one of urls) await overlays.collect(passes([one]), never)
    await overlays.collect(passes([urls[4]!]), never)
    expect(fetched).toHaveLength(5)
    await overlays.collect(passes([urls[0]!]), never)
    expect(fetched).toHaveLength(6)
  })

  it('is fetched once for all who want it at the same time', async () => {
    const { overlays, fetched } = setUp()
    await Promise.all(Array.from({ length: 20 }, () => overlays.collect(passes([url]), never)))
    expect(fetched).toHaveLength(1)
  })

  it('is not fetched any more when the last one who waits leaves, and that is no failure', async () => {
    const { overlays, fetched } = setUp({
      answer: (_, signal) => (fetched.length === 1 ? hang(signal) : done('later')),
    })
    const waiter = new AbortController()
    const both = [overlays.collect(passes([url]), waiter.signal), overlays.collect(passes([url]), waiter.signal)]
    await vi.waitFor(() => expect(fetched).toHaveLength(1))
    waiter.abort('gone')
    for (const one of both) await expect(one).rejects.toBe('gone')
    expect(textOf((await overlays.collect(passes([url]), never)).get(url)!)).toBe('later')
  })
})

describe('a failure', () => {
  const refused = () => Promise.reject(new MortiseError('invalid_request', 'status 404'))

  it('says that it is about a watermark, and is remembered for ten seconds', async () => {
    const { overlays, fetched, wait } = setUp({ answer: refused })
    const failure = { code: 'invalid_request', message: 'watermark: status 404' }
    for (let i = 0; i < 3; i++) await expect(overlays.collect(passes([url]), never)).rejects.toMatchObject(failure)
    expect(fetched).toHaveLength(1)
    wait(10_001)
    await expect(overlays.collect(passes([url]), never)).rejects.toMatchObject(failure)
    expect(fetched).toHaveLength(2)
  })

  it('that may pass is not remembered', async () => {
    const busy = () => Promise.reject(new MortiseError('overloaded', 'closing'))
    const { overlays, fetched } = setUp({ answer: busy })
    for (let i = 0; i < 2; i++) {
      await expect(overlays.collect(passes([url]), never)).rejects.toMatchObject({ code: 'overloaded' })
    }
    expect(fetched).toHaveLength(2)
  })

  it('of one image leaves the others alone', async () => {
    const { overlays } = setUp({ answer: name => (name === url ? refused() : done('fine')) })
    await expect(overlays.collect(passes([url]), never)).rejects.toMatchObject({ code: 'invalid_request' })
    expect((await overlays.collect(passes([`${url}?other`]), never)).size).toBe(1)
  })
})

describe('hosts that do not answer', () => {
  const slow = (name: string, signal: AbortSignal) => (name.includes('slow') ? hang(signal) : done('quick'))

  it('hold half of the slots, and while they do, what is in memory is still to be had', async () => {
    const { overlays, fetched, wait } = setUp({ answer: slow, slots: 4 })
    await overlays.collect(passes([url]), never)
    const waiter = new AbortController()
    const held = [1, 2].map(i => overlays.collect(passes([`https://${i}.slow.example/`]), waiter.signal))
    await vi.waitFor(() => expect(fetched).toHaveLength(3))
    wait(1_000)
    const third = overlays.collect(passes(['https://3.slow.example/']), never)
    await expect(third).rejects.toMatchObject({ code: 'storage_unavailable', retryAfter: 1 })
    expect((await overlays.collect(passes([url]), never)).size).toBe(1)

    waiter.abort('gone')
    await Promise.allSettled(held)
    expect((await overlays.collect(passes([`${url}?new`]), never)).size).toBe(1)
  })
})

it('closes what fetches', async () => {
  const { overlays, closed } = setUp()
  await overlays[Symbol.asyncDispose]()
  expect(closed()).toBe(true)
})

type Setting = {
  files?: ReadonlySet<string>
  slots?: number
  answer?(name: string, signal: AbortSignal): Promise<Uint8Array>
}

function setUp({ files = new Set([logo]), slots = 4, answer = name => done(`bytes of ${name}`) }: Setting = {}) {
  const fetched: string[] = []
  let [time, closed] = [1, false]
  const fetch = async (name: string, signal: AbortSignal): Promise<Fetched> => {
    fetched.push(name)
    return { bytes: await answer(name, signal), contentType: 'image/png' }
  }
  const close = async () => {
    closed = true
  }
  const guarded = Object.assign(fetch, { [Symbol.asyncDispose]: close })
  const limits = { timeout: 10_000, maxBytes: 100, slots }
  return {
    overlays: createOverlays({ ...limits, fetch: guarded, files, now: () => time }),
    fetched,
    closed: () => closed,
    wait(ms: number) {
      time += ms
    },
  }
}

async function done(text: string): Promise<Uint8Array> {
  return Buffer.from(text)
}

function passes(...images: string[][]): Plan['passes'] {
  return images.map(names => names.map(image => ({ op: 'watermark', image, column: 0, row: 0, opacity: 1 })))
}
