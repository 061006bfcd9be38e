import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'

export type Service = {
  image: string
  build?: { context: string; target: string }
  environment?: Record<string, string>
  volumes?: string[]
  tmpfs?: string[]
  ports?: string[]
  healthcheck?: { test: string[] }
  depends_on?: Record<string, { condition: string }>
  deploy: { replicas?: number; resources: { limits: { cpus: string; memory: string } } }
  restart: string
  read_only: boolean
  cap_drop: string[]
  security_opt: string[]
  stop_grace_period?: string
  command?: string[]
}

export type Compose = { services: Record<string, Service>; volumes: Record<string, unknown> }

export const root = new URL('../../', import.meta.url)

/** docker-compose.yml with its anchors merged and the variables that it names at their defaults. */
export async function readCompose(): Promise<Compose> {
  const text = await readText('docker-compose.yml')
  return parse(
    text.replace(/\$\{\w+:-([^}]*)\}/g, (_, fallback) => fallback),
    { merge: true },
  )
}

/** An instruction of the Dockerfile in one line, and the stage that it is in. */
export type Instruction = { stage: string; word: string; rest: string }

export async function readDockerfile(): Promise<Instruction[]> {
  const lines = (await readText('Dockerfile')).replace(/^\s*#.*\n/gm, '').replace(/\\\n\s*/g, '')
  let stage = ''
  return lines.split('\n').flatMap(line => {
    const [, word = '', rest = ''] = /^(\w+) (.*)$/.exec(line) ?? []
    if (word === 'FROM') stage = / AS (\S+)$/.exec(rest)?.[1] ?? ''
    return word === '' ? [] : [{ stage, word, rest }]
  })
}

export function readText(name: string): Promise<string> {
  return readFile(new URL(name, root), 'utf8')
}
