import { readdir, readFile } from 'node:fs/promises'
import { Ajv2020, type SchemaObject, type ValidateFunction } from 'ajv/dist/2020.js'
import type { Resource } from './render.ts'

/** What is wrong with an object, one line for each; empty when nothing is. */
export type Validate = (resource: Resource) => string[]

type Meant = { group: string; version: string; kind: string }

/** By the published schemas beside this file, which `fetch-schemas.ts` has put there. */
export async function createValidate(): Promise<Validate> {
  const code = { regExp: Object.assign(readPattern, { code: 'readPattern' }) }
  const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false, code })
  const functions = new Map<string, ValidateFunction>()
  for (const schema of await readSchemas()) {
    ajv.addSchema(schema)
    for (const [name, definition] of Object.entries(schema.$defs as Record<string, SchemaObject>)) {
      const [meant] = (definition['x-kubernetes-group-version-kind'] ?? []) as Meant[]
      const validate = meant && ajv.getSchema(`${schema.$id}#/$defs/${name}`)
      if (validate) functions.set(nameOf(meant), validate)
    }
  }
  return resource => {
    const [version = '', group = ''] = resource.apiVersion.split('/').toReversed()
    const validate = functions.get(nameOf({ group, version, kind: resource.kind }))
    if (!validate) return [`there is no schema of ${resource.apiVersion} ${resource.kind}`]
    if (validate(resource)) return []
    return (validate.errors ?? []).map(
      ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
    )
  }
}

/** Patterns are Go's, where `(?i)` is within the pattern. */
function readPattern(pattern: string, flags: string): RegExp {
  const either = pattern.replace('(?i)', '')
  return new RegExp(either, either === pattern ? flags : `${flags}i`)
}

function nameOf({ group, version, kind }: Meant): string {
  return `${group}/${version} ${kind}`
}

async function readSchemas(): Promise<SchemaObject[]> {
  const folder = new URL('./schemas/', import.meta.url)
  const files = (await readdir(folder)).filter(name => name.endsWith('.json'))
  return Promise.all(files.map(async name => JSON.parse(await readFile(new URL(name, folder), 'utf8')) as SchemaObject))
}
