import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { loadConfig } from '@mortise/config'
import { afterAll, describe, expect, it } from 'vitest'
import { createPlanner, loadScripts, type Planner } from '../plan.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'script-'))
afterAll(() => rmSync(folder, { recursive: true }))

const storages = 'storages: {basic: {kind: noop}, transform: {kind: noop}}'

function configOf(source: string, more = '') {
  writeFileSync(path.join(folder, 's.js'), source)
  const text = `
    buckets:
      media:
        ${storages}
        keys: [{accessKey: acc, secretAccessKey: sekret}]
        headers: {x-served-by: me}
        transform:
          kind: script
          scriptPath: ${folder}/s.js
          path: "^/(?P<name>[a-z]+)/(?P<rest>.+)$"
          presets: {small: {quality: 70, filters: {thumbnail: {width: 10}}}}
          ${more}
      originals: {${storages}}`
  return loadConfig(text, { env: {}, baseDir: folder }).config
}

async function planner(source: string, more?: string): Promise<Planner> {
  const config = configOf(source, more)
  return createPlanner(config, await loadScripts(config))
}

const plan = (of: Planner, target: string) => of.plan({ target, accepts: [] })
const script = (body: string) => `export default function ({ url, bucketConfig, obj }) { ${body} }`
/** What the script returns for a request, as text: its `err` tells the message. */
async function said(expression: string, target = '/media/a/b.jpg?x=1&x=2&y=%20') {
  const of = await planner(script(`return { err: ${expression} }`))
  try {
    plan(of, target)
  } catch (error) {
    return (error as Error).message.replace('script: ', '')
  }
}

describe('a script', () => {
  it.each([
    ['resize(10, 20, false, false, false)', [{ op: 'resize', width: 10, height: 20, fit: 'stretch', enlarge: true }]],
    ['resize("10", 0, true, false, false)', [{ op: 'resize', width: 10, height: 0, fit: 'inside', enlarge: true }]],
    ['resize(10, 20, false, true, false)', [{ op: 'resize', width: 10, height: 20, fit: 'inside', enlarge: true }]],
    ['resize(10, 20, false, false, 1)', [{ op: 'resize', width: 10, height: 20, fit: 'cover', enlarge: true }]],
    ['extract(1, 2, 3, 4)', [{ op: 'extract', top: 1, left: 2, width: 3, height: 4 }]],
    ['crop(5, 6, "north", true, false)', [{ op: 'crop', width: 5, height: 6, gravity: 'north', enlarge: true }]],
    ['crop(5, 6, "nowhere", false, true)', [{ op: 'crop', width: 5, height: 6, gravity: 'smart', enlarge: false }]],
    ['blur(2.5, 0)', [{ op: 'blur', sigma: 2.5, minAmplitude: 0 }]],
    ['grayscale()', [{ op: 'grayscale' }]],
    ['rotate("90")', [{ op: 'rotate', angle: 90 }]],
    ['resizeCropAuto("20", 10)', [{ op: 'resizeCropAuto', width: 20, height: 10 }]],
    [
      'watermark("https://a/b.png", "center-right", "0.25")',
      [{ op: 'watermark', image: 'https://a/b.png', row: 1, column: 2, opacity: 0.25 }],
    ],
  ])('records %s', async (call, steps) => {
    const of = await planner(script(`obj.transforms.${call}; return { parent: '/originals' + obj.key }`))
    expect(plan(of, '/media/a.jpg')).toMatchObject({
      kind: 'derivative',
      plan: { passes: [steps], original: { storage: 'media/basic', bucket: 'originals', key: '/a.jpg' } },
    })
  })

  it('says how the result is written', async () => {
    const body = 'const t = obj.transforms; t.interlace(); t.quality(40); t.stripMetadata(); t.format("jpg")'
    const of = await planner(script(`${body}; return { parent: '/originals/a.jpg' }`))
    expect(plan(of, '/media/a.jpg')).toMatchObject({
      plan: { output: { format: 'jpeg', quality: 40, progressive: true, metadata: 'strip' } },
    })
  })

  it.each([
    ['url.path', '/media/a/b.jpg'],
    ['url.rawquery', 'x=1&x=2&y=%20'],
    ['JSON.stringify(url.query)', '{"x":["1","2"],"y":[" "]}'],
    ['url.scheme + url.host', ''],
    ['obj.uri.path + obj.bucket + obj.key', '/media/a/b.jpgmedia/a/b.jpg'],
    ['bucketConfig.name + bucketConfig.transform.kind', 'mediascript'],
    ['bucketConfig.headers["x-served-by"]', 'me'],
    ['JSON.stringify(bucketConfig.transform.presets.small.filters.thumbnail.width)', '10'],
    ['String(bucketConfig.transform.presets.small.filters.crop)', 'undefined'],
    ['JSON.stringify(bucketConfig.transform.pathRegexp("/ab/c.jpg"))', '{"name":"ab","rest":"c.jpg"}'],
    ['JSON.stringify(bucketConfig.transform.pathRegexp("none"))', '{}'],
    ['JSON.stringify(bucketConfig).includes("sekret")', 'false'],
    ['["Date", "process", "require", "fetch", "std", "os", "console"].filter(n => n in globalThis).join()', ''],
    ['typeof Math.random + typeof globalThis.input + typeof globalThis.matchPath', 'undefinedundefinedundefined'],
  ])('reads %s', async (expression, text) => {
    expect(await said(expression)).toBe(text)
  })

  it('gives a plain object when it names no parent', async () => {
    for (const body of ['', 'return {}', 'return { parent: "" }', 'return null']) {
      expect(plan(await planner(script(body)), '/media/a.jpg')).toMatchObject({ kind: 'object', imageOnly: false })
    }
  })

  it('gives the parent itself when it records nothing', async () => {
    const of = await planner(script('return { parent: "/originals/a.jpg" }'))
    expect(plan(of, '/media/x.jpg')).toMatchObject({ kind: 'object', imageOnly: true, object: { key: '/a.jpg' } })
  })

  it('decides about the key and about the check of the parent', async () => {
    const body = 'obj.transforms.grayscale(); obj.allowChangeKey = false; obj.checkParent = !obj.checkParent'
    const of = await planner(script(`${body}; return { parent: '/originals/a.jpg' }`), 'resultKey: hash')
    expect(plan(of, '/media/x.jpg')).toMatchObject({ checkParent: true, plan: { derivative: { key: '/x.jpg' } } })
  })

  it('leaves nothing behind for the next request', async () => {
    const source = `let count = 0
      export default () => { count++; globalThis.seen = (globalThis.seen ?? 0) + 1; return { err: count + ' ' + seen } }`
    const of = await planner(source)
    for (let i = 0; i < 3; i++) expect(() => plan(of, '/media/a.jpg')).toThrow('script: 1 1')
  })
})

describe('a script is refused', () => {
  it.each([
    ['that runs for ever', 'for (;;);', /took too long/],
    ['that matches for ever', 'return { err: /^(a+)+$/.test("a".repeat(50) + "b") }', /took too long/],
    ['that catches what stops it', 'for (;;) try { for (;;); } catch {}', /took too long/],
    ['that needs a lot of memory', 'return { err: "a".repeat(2 ** 29) }', /too much memory/],
    ['that collects', 'const all = []; for (;;) all.push(new Array(1e4).fill(1))', /too (much|long)/],
    ['that calls itself', 'const f = () => f() + 1; f()', /overflow/],
    ['that nests deeply', 'return JSON.parse("[".repeat(1e5))', /overflow/],
    ['that throws', 'throw new Error("no such size")', /Error: no such size/],
    ['that throws nonsense', 'throw { get message() { for (;;); } }', /no error/],
    ['that promises', 'return Promise.resolve({})', /may not be async/],
    ['that imports', 'return import("fs")', /may not be async/],
    [
      'with a size below nothing',
      'obj.transforms.resize(-1, 2, false, false, false); return { parent: "/o/a" }',
      /resize/,
    ],
    ['with too few arguments', 'obj.transforms.resize(1); return { parent: "/o/a" }', /takes 5 arguments, not 1/],
    ['with a bad quality', 'obj.transforms.quality(0); return { parent: "/o/a" }', /quality/],
    ['with a bad format', 'obj.transforms.format("bmp"); return { parent: "/o/a" }', /format/],
    ['with a bad angle', 'obj.transforms.rotate(45); return { parent: "/o/a" }', /rotate/],
    ['with a bad sigma', 'obj.transforms.blur(0, 0); return { parent: "/o/a" }', /blur/],
    [
      'with a watermark from a file',
      'obj.transforms.watermark("/srv/mark.png", "top-left", 1); return { parent: "/o/a" }',
      /watermark: image/,
    ],
    [
      'with a bad opacity',
      'obj.transforms.watermark("http://a/b", "top-left", 2); return { parent: "/o/a" }',
      /opacity/,
    ],
    ['with no number', 'obj.transforms.blur({}, 0); return { parent: "/o/a" }', /expected a number/],
    ['with no text', 'obj.transforms.format({ toString: 1 }); return { parent: "/o/a" }', /expected a text/],
    ['with too many transforms', 'for (let i = 0; i < 65; i++) obj.transforms.grayscale(); return {}', /calls/],
    ['with a parent that is no text', 'return { parent: 5 }', /parent/],
    ['with a parent that climbs', 'return { parent: "/originals/../a" }', /dot segment/],
    ['with a parent in no bucket', 'return { parent: "/nowhere/a.jpg" }', /no such bucket/],
    ['that is its own parent', 'return { parent: url.path }', /more than 16 parents/],
    ['that puts its own answer', 'JSON.stringify = () => "x"; return { parent: url.path }', /parents/],
  ])('%s', async (_name, body, message) => {
    const of = await planner(script(body))
    expect(() => plan(of, '/media/a.jpg')).toThrow(
      expect.objectContaining({ code: 'invalid_request', message: expect.stringMatching(message) }),
    )
  })

  it.each([
    ['with a mistake', 'export default (', /SyntaxError/],
    ['without a default export', 'export const a = 1', /default/],
    ['whose default export is no function', 'export default 5', /expected a function/],
    ['that imports', 'import fs from "fs"; export default () => {}', /there is no module fs/],
    ['that does not end', 'for (;;); export default () => {}', /took too long/],
    ['that waits', 'await new Promise(() => {}); export default () => {}', /at once/],
  ])('at start %s', async (_name, source, message) => {
    await expect(planner(source)).rejects.toThrow(
      expect.objectContaining({ code: 'invalid_config', message: expect.stringMatching(message) }),
    )
  })

  it('and the next one, in the same engine, is served', async () => {
    const of = await planner(script('if (url.query.bad) for (;;); return { err: "fine" }'))
    for (let i = 0; i < 5; i++) {
      expect(() => plan(of, '/media/a.jpg?bad=1')).toThrow('took too long')
      expect(() => plan(of, '/media/a.jpg')).toThrow('fine')
    }
  })
})

it('a configuration without scripts loads no engine', async () => {
  const { config } = loadConfig(`buckets: {media: {${storages}}}`, { env: {}, baseDir: folder })
  expect(await loadScripts(config)).toBeNull()
})
