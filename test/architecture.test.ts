import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))

/** What each part may import of ours. What is not here is not allowed. */
const allowed: Record<string, string[]> = {
  async: [],
  errors: [],
  telemetry: [],
  config: ['errors'],
  redis: [],
  changes: ['async', 'errors', 'redis'],
  'response-cache': ['async', 'errors'],
  storage: ['errors'],
  operations: ['errors'],
  plan: ['errors', 'operations', 'config'],
  queue: ['async', 'errors', 'plan', 'redis'],
  warm: ['async', 'config', 'errors', 'plan', 'queue', 'storage'],
  dashboard: ['queue'],
  image: ['async', 'errors', 'plan', 'operations'],
  fetch: ['errors'],
  's3-auth': ['errors'],
  derive: ['async', 'changes', 'errors', 'fetch', 'operations', 'plan', 'storage', 'image'],
  worker: ['errors', 'telemetry', 'config', 'storage', 'operations', 'plan', 'queue', 'image', 'derive'],
  gateway: [
    'async',
    'changes',
    'errors',
    'telemetry',
    'config',
    'storage',
    'operations',
    'plan',
    'queue',
    'response-cache',
    's3-auth',
    'warm',
  ],
  cli: [
    'changes',
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
    'warm',
    'dashboard',
    'worker',
    'gateway',
  ],
}

/** Of these, only types may be imported, and the few values that a port is said in. */
const typesOnly: Record<string, Record<string, string[]>> = {
  plan: { config: [] },
  queue: { plan: ['@mortise/plan'] },
  image: { plan: [] },
  derive: { changes: [], fetch: [], plan: [], image: [], storage: ['@mortise/storage', '@mortise/storage/record'] },
}

/** Each of these libraries has one home. */
const homes: Record<string, RegExp> = {
  sharp: /^packages\/(image|operations)\//,
  bullmq: /^packages\/queue\/src\/(batches\/)?bullmq/,
  ioredis: /^packages\/(redis\/|queue\/src\/(batches\/)?bullmq|response-cache)/,
  piscina: /^packages\/image\//,
  saxes: /^(packages\/(image\/src\/svg\/|storage\/src\/s3)|services\/gateway\/src\/s3\/xml)/,
  'fast-xml-builder': /^services\/gateway\/src\/s3\/xml/,
  '@fastify/busboy': /^services\/gateway\/src\/(cloudinary|s3)\//,
  hono: /^(services\/gateway|packages\/dashboard)\//,
  '@hono/node-server': /^(services\/gateway|packages\/dashboard)\//,
  '@bull-board/api': /^packages\/dashboard\//,
  '@azure/storage-blob': /^packages\/storage\/src\/azure/,
  '@google-cloud/storage': /^packages\/storage\/src\/google/,
  'google-auth-library': /^packages\/storage\/src\/google/,
  minio: /^packages\/storage\/src\/s3/,
  '@node-rs/crc32': /^packages\/s3-auth\//,
  ssh2: /^packages\/storage\/src\/sftp/,
  undici: /^packages\/(storage\/src\/(google|http|swift)|fetch\/)/,
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

it('every part has a row in the table', () => {
  expect([...new Set(imports.map(({ part }) => part))].filter(part => !(part in allowed))).toEqual([])
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
        // Tests may import anything, and what is there for nothing else.
        if (!name.endsWith('.ts') || /(\.test|conformance|harness)\.ts$/.test(name)) continue
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
