import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))

/** What each part may import of ours. What is not here is not allowed. */
const allowed: Record<string, string[]> = {
  errors: [],
  telemetry: [],
  config: ['errors'],
  'response-cache': ['errors'],
  storage: ['errors'],
  operations: ['errors'],
  plan: ['errors', 'operations', 'config'],
  queue: ['errors', 'plan'],
  image: ['errors', 'plan', 'operations'],
  fetch: ['errors'],
  derive: ['errors', 'fetch', 'operations', 'plan', 'storage', 'image', 'queue'],
  worker: ['errors', 'telemetry', 'config', 'storage', 'operations', 'plan', 'queue', 'image', 'derive'],
  gateway: ['errors', 'telemetry', 'config', 'storage', 'operations', 'plan', 'queue', 'response-cache'],
  cli: [
    'errors',
    'telemetry',
    'config',
    'storage',
    'operations',
    'plan',
    'queue',
    'image',
    'derive',
    'fetch',
    'response-cache',
    'worker',
    'gateway',
  ],
}

/** Of these, only types may be imported, and the few values that a port is said in. */
const typesOnly: Record<string, Record<string, string[]>> = {
  plan: { config: [] },
  queue: { plan: ['@mortise/plan'] },
  image: { plan: [] },
  derive: { fetch: [], plan: [], image: [], queue: [], storage: ['@mortise/storage', '@mortise/storage/record'] },
}

/** Each of these libraries has one home. */
const homes: Record<string, RegExp> = {
  sharp: /^packages\/(image|operations)\//,
  bullmq: /^packages\/queue\/src\/bullmq/,
  ioredis: /^packages\/(queue\/src\/bullmq|response-cache)/,
  piscina: /^packages\/image\//,
  saxes: /^packages\/image\/src\/svg\//,
  hono: /^services\/gateway\//,
  '@hono/node-server': /^services\/gateway\//,
  minio: /^packages\/storage\/src\/s3/,
  undici: /^packages\/(storage\/src\/http|fetch\/)/,
  re2js: /^packages\/(config|plan)\//,
  pino: /^packages\/telemetry\//,
  'prom-client': /^packages\/telemetry\//,
  'quickjs-emscripten-core': /^packages\/plan\/src\/script\//,
}

type Import = { file: string; part: string; from: string; type: boolean }

const imports = await readImports()

describe('imports point inwards', () => {
  it.each(Object.keys(allowed))('%s', part => {
    const bad = imports
      .filter(({ part: of, from }) => of === part && from.startsWith('@mortise/'))
      .filter(({ from }) => nameOf(from) !== part && !allowed[part]?.includes(nameOf(from)))
    expect(bad).toEqual([])
  })

  it.each(Object.entries(typesOnly))('%s imports only types of others', (part, others) => {
    const bad = imports
      .filter(({ part: of, from, type }) => of === part && !type && nameOf(from) in others)
      .filter(({ from }) => !others[nameOf(from)]?.includes(from))
    expect(bad).toEqual([])
  })
})

describe('a library lives in one place', () => {
  it.each(Object.entries(homes))('%s in %s', (library, home) => {
    const bad = imports.filter(
      ({ from, file }) => (from === library || from.startsWith(`${library}/`)) && !home.test(file),
    )
    expect(bad).toEqual([])
  })

  it('sharp is only a type in operations', () => {
    expect(imports.filter(({ part, from, type }) => part === 'operations' && from === 'sharp' && !type)).toEqual([])
  })
})

it('finds the imports that it checks', () => {
  expect(imports.length).toBeGreaterThan(200)
  expect(imports.some(({ part, from }) => part === 'image' && from === 'sharp')).toBe(true)
})

function nameOf(from: string): string {
  return from.split('/')[1] ?? ''
}

async function readImports(): Promise<Import[]> {
  const found: Import[] = []
  for (const group of ['packages', 'services']) {
    for (const part of await readdir(path.join(root, group))) {
      const folder = path.join(root, group, part, 'src')
      for (const name of await readdir(folder, { recursive: true })) {
        // Tests may import anything.
        if (!name.endsWith('.ts') || name.endsWith('.test.ts') || name.endsWith('conformance.ts')) continue
        const text = await readFile(path.join(folder, name), 'utf8')
        const file = `${group}/${part}/src/${name}`
        for (const match of text.matchAll(
          /^(?:import|export)\s+(type\s)?[^'"]*?from\s+'([^']+)'|import\('([^']+)'\)/gm,
        )) {
          found.push({ file, part, from: match[2] ?? match[3] ?? '', type: match[1] !== undefined })
        }
      }
    }
  }
  return found
}
