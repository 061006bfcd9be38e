import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { runCommandIn } from '../command.ts'
import { createSite } from './site.ts'

const site = await createSite({
  'scripts/empty.js': 'export default () => ({})\n',
  'scripts/broken.js': 'export default (\n',
})

const secrets = ['very-secret', 'hidden-password', 'hidden-token']
const text = `
server:
  listens: ["127.0.0.1:8080", "unix:/run/mortise.sock"]
  queue: { type: redis, address: ["rediss://me:hidden-password@redis:6380/2"] }
  worker: { threads: 3 }
headers:
  - { statusCodes: [200, 206], override: yes, values: { Cache-Control: "public, max-age=60" } }
buckets:
  media:
    keys: [{ accessKey: AKIA1, secretAccessKey: very-secret }, { accessKey: AKIA2, secretAccessKey: $SECRET }]
    storages:
      basic: { kind: http, url: "https://origin.test/<container><item>?t=hidden-token", headers: { X-Api-Key: very-secret } }
      transform: { kind: local-meta, rootPath: derivatives, pathPrefix: made }
      old: { kind: s3, endpoint: "http://minio:9000", accessKey: a, secretAccessKey: very-secret, bucket: images }
    transform:
      kind: presets-query
      path: "^/(?P<presetName>[a-z]+)/(?P<parent>.+)$"
      parentBucket: media
      parentStorage: old
      checkParent: yes
      presets:
        small: { quality: 80, format: webp, filters: { thumbnail: { width: 320 }, grayscale: yes, strip: yes } }
        plain: { filters: {} }
        bad: { filters: { blur: { sigma: 101 } } }
  plain:
    storages: { basic: { kind: memory } }
`

let files = 0
async function check(config: string, ...options: string[]) {
  const file = path.join(site.folder, `check-${++files}.yml`)
  await writeFile(file, config)
  const ended = await runCommandIn({ cwd: site.folder, env: { SECRET: 'very-secret' } }, 'check', ...options, file)
  return { ...ended, file }
}

describe('mortise check', () => {
  it('prints what a file means, and none of its secrets', async () => {
    const { code, stdout, stderr } = await check(text)
    expect([code, stderr]).toEqual([0, ''])
    const [media, plain] = ['media', 'plain'].map(name => blockOf(stdout, `bucket ${name}`))
    expect(media).toEqual([
      ['grammar', 'presets-query ^/(?P<presetName>[a-z]+)/(?P<parent>.+)$'],
      ['parents', 'bucket media, storage old, checked each time'],
      ['results', 'storage transform, key hashParent'],
      ['keys', 'AKIA1, AKIA2'],
      ['headers', 'none'],
      ['storage basic', 'http https://origin.test/<container><item>?***, container media, X-Api-Key: ***'],
      ['storage transform', `local-meta ${site.folder}/derivatives, container media, prefix made`],
      ['storage old', 's3 http://minio:9000, container images'],
      ['preset small', 'resize(320x0 enlarge), grayscale() -> webp, quality 80, without metadata'],
      ['preset plain', 'as it is -> format of the original'],
      ['preset bad', expect.stringMatching(/^refused: blur/)],
    ])
    expect(plain).toEqual([
      ['grammar', 'none: objects as they are stored'],
      ['keys', 'none'],
      ['headers', 'none'],
      ['storage basic', 'memory, container plain'],
    ])
    const server = Object.fromEntries(blockOf(stdout, 'server'))
    expect(server).toMatchObject({
      listens: '127.0.0.1:8080, unix:/run/mortise.sock',
      internalListen: ':8081',
      'queue.address': 'rediss://redis:6380/2',
      'queue.inlineBytes': '1 MiB',
      'worker.threads': '3',
    })
    expect(blockOf(stdout, 'headers')).toEqual([['200, 206', 'Cache-Control: public, max-age=60 (replaces)']])
    for (const secret of secrets) expect(stdout).not.toContain(secret)
    // No terminal, no colours.
    expect(stdout).not.toContain('\x1b')
  })

  it('--json says the same to programs', async () => {
    const { code, stdout, file } = await check(text, '--json')
    const report = JSON.parse(stdout)
    const [media] = report.meaning.buckets
    expect([code, report.file, report.mistakes]).toEqual([0, file, []])
    expect(report.meaning.server.queue).toMatchObject({ type: 'redis', address: 'rediss://redis:6380/2' })
    expect(media).toMatchObject({ name: 'media', keys: ['AKIA1', 'AKIA2'], transform: { kind: 'presets-query' } })
    expect(media.presets.map(({ name }: { name: string }) => name)).toEqual(['small', 'plain', 'bad'])
    expect(media.presets[0]).toMatchObject({
      passes: [['resize(320x0 enlarge)', 'grayscale()']],
      output: { format: 'webp', quality: 80 },
    })
    expect(media.presets[2].error.code).toBe('invalid_request')
    for (const secret of secrets) expect(stdout).not.toContain(secret)
  })

  it('tells every mistake at once, with the warnings, and ends with 1', async () => {
    const { code, stdout, stderr, file } = await check(`
      server: { requestTimeout: soon, colour: $GONE }
      buckets:
        media:
          storages: { basic: { kind: s3, accessKey: a, endpoint: "http://x", secretAccessKey: [very-secret] } }
          transform: { kind: presets, path: "(", parentBucket: none }`)
    expect([code, stderr]).toEqual([1, ''])
    const [warnings, mistakes] = ['warnings', 'mistakes'].map(title => blockOf(stdout, title).map(([line]) => line))
    expect(warnings).toEqual([
      expect.stringMatching(/^line 2: the variable "GONE" is not set/),
      expect.stringMatching(/^buckets\.media\.transform: storages\.transform is missing/),
      'server.colour: is no setting of this version and has no effect',
    ])
    expect(mistakes).toEqual([
      expect.stringMatching(/^buckets\.media\.storages\.basic\.secretAccessKey: expected/),
      'buckets.media.transform.parentBucket: expected the name of a bucket, found "none"',
      expect.stringMatching(/^buckets\.media\.transform\.path: expected the groups/),
      expect.stringMatching(/^buckets\.media\.transform\.path: expected a regexp/),
      'server.requestTimeout: expected a whole number of at least 1, found "soon"',
    ])
    expect(stdout.trimEnd().split('\n').at(-1)).toBe(`${file}: 5 mistakes, 3 warnings`)
    expect(stdout).not.toContain('very-secret')
  })

  it('tells what stops a start: the files that it needs', async () => {
    const placeholder = path.join(site.folder, 'absent.jpg')
    const { code, stdout } = await check(`server: { placeholder: absent.jpg }`)
    expect([code, blockOf(stdout, 'mistakes')]).toEqual([
      1,
      [[`server.placeholder: ${placeholder} cannot be read: ENOENT`, '']],
    ])
    const started = await runCommandIn({}, 'serve', '--config', path.join(site.folder, `check-${files}.yml`))
    expect([started.code, started.stderr]).toEqual([
      1,
      expect.stringMatching(/^mortise: server\.placeholder: \/.*absent\.jpg cannot be read: ENOENT$/m),
    ])
    expect((await check(`server: { placeholder: scripts/empty.js }`)).stdout).toMatch(/empty\.js is no JPEG/)
    // It would have to be fetched.
    expect((await check('server: { placeholder: "http://192.0.2.1/absent.jpg" }')).code).toBe(0)
  })

  it('tells what it names and is not there, or may not be asked', async () => {
    const mark = (image: string) => `{ filters: { watermark: { image: "${image}", position: top-left, opacity: 1 } } }`
    const { code, stdout } = await check(`
      security: { fetch: { networks: [10.0.0.0/8] } }
      buckets:
        media:
          storages: { basic: { kind: local, rootPath: absent }, transform: { kind: local-meta, rootPath: made } }
          transform:
            kind: presets
            path: "^/(?P<presetName>[a-z]+)/(?P<parent>.+)$"
            presets:
              file: ${mark('absent.png')}
              there: ${mark('scripts/empty.js')}
              private: ${mark('http://192.168.0.1/mark.png')}
              loop: ${mark('http://[::1]/mark.png')}
              known: ${mark('http://10.0.0.1/mark.png')}
              public: ${mark('https://example.org/mark.png')}`)
    const presets = 'buckets.media.transform.presets'
    const refused = 'every request for this preset is refused'
    const closed = `is no public address, and not in security.fetch.networks; ${refused}`
    expect(code).toBe(0)
    expect(blockOf(stdout, 'warnings').map(([line]) => line)).toEqual([
      `buckets.media.storages.basic.rootPath: there is no folder ${site.folder}/absent on this machine`,
      `buckets.media.storages.transform.rootPath: there is no folder ${site.folder}/made on this machine; the first derivative makes it`,
      `${presets}.file.filters.watermark.image: there is no file absent.png on this machine; ${refused}`,
      `${presets}.private.filters.watermark.image: 192.168.0.1 ${closed}`,
      `${presets}.loop.filters.watermark.image: ::1 ${closed}`,
    ])
  })

  it('notes which keys are not those of mort, and warns of nothing', async () => {
    const bucket = (more: string) => `{ storages: { basic: { kind: memory }, transform: { kind: memory } },
        transform: { kind: query${more} } }`
    const file = `buckets: { ours: ${bucket('')}, old: ${bucket(', mortKeys: yes')}, paths: ${bucket(', resultKey: path')} }`
    const { code, stdout } = await check(file, '--strict')
    expect([code, blockOf(stdout, 'notes').map(([line]) => line)]).toEqual([
      0,
      [expect.stringMatching(/^buckets\.ours\.transform\.resultKey: hashParent is computed in another way .*mortKeys/)],
    ])
  })

  it('finds the mistakes of a script', async () => {
    const bucket = (script: string) => `{ storages: { basic: { kind: memory }, transform: { kind: memory } },
        transform: { kind: script, scriptPath: ${site.folder}/scripts/${script} } }`
    const { code, stdout } = await check(`buckets: { good: ${bucket('empty.js')}, media: ${bucket('broken.js')} }`)
    const [mistake, ...more] = blockOf(stdout, 'mistakes').map(([line]) => line)
    expect([code, more]).toEqual([1, []])
    expect(mistake).toMatch(/^buckets\.media\.transform\.scriptPath: .*broken\.js: ./)
  })

  it.each([
    ['no warning', 'buckets: {}', 0],
    ['a warning', 'typo: {}', 1],
  ])('--strict with %s', async (_, config, code) => {
    expect((await check(config, '--strict')).code).toBe(code)
    expect((await check(config)).code).toBe(0)
  })

  it('does not let a file write to the terminal', async () => {
    const { stdout } = await check('"buck\\u001b[31mets": 1')
    expect(stdout).not.toContain('\x1b')
    expect(stdout).toContain('u001b[31m')
  })

  it('of a file that is not there is one line and 1', async () => {
    const file = path.join(site.folder, 'absent.yml')
    const { code, stdout } = await runCommandIn({}, 'check', file)
    expect([code, stdout]).toEqual([
      1,
      `mistakes\n  cannot read the configuration ${file} (ENOENT)\n\n${file}: 1 mistake, no warnings\n`,
    ])
  })

  it('prints no colours where NO_COLOR is set, and some where they are asked for', async () => {
    const outputs = [{ NO_COLOR: '1' }, { FORCE_COLOR: '1', NO_COLOR: undefined }].map(async env => {
      const { stdout } = await runCommandIn({ env }, 'check', path.join(site.folder, 'absent.yml'))
      return stdout.includes('\x1b[')
    })
    expect(await Promise.all(outputs)).toEqual([false, true])
  })
})

/** The lines below a title, each as name and value. */
function blockOf(text: string, title: string): [name: string, value: string][] {
  const block = text.split('\n\n').find(part => part.startsWith(`${title}\n`))
  const lines = block?.trimEnd().split('\n').slice(1) ?? []
  return lines.map(line => {
    const [name = '', ...value] = line.trim().split(/ {2,}/)
    return [name, value.join('  ')]
  })
}
