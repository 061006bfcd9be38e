/**
 * `node test/k8s/fetch-schemas.ts`: writes the schemas beside this file anew, from where they are published. Needs pip,
 * Go and their registries; the tests need none of them. What nothing here refers to, and descriptions, are left out.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { parse } from 'yaml'

/** The oldest Kubernetes that is still looked after: what it knows, later ones know. */
const kubernetes = { version: '1.34.0', wheel: 'kubernetes-validate==1.37.0' }

const kinds = [
  ['apps/v1', 'Deployment'],
  ['apps/v1', 'StatefulSet'],
  ['autoscaling/v2', 'HorizontalPodAutoscaler'],
  ['batch/v1', 'Job'],
  ['networking.k8s.io/v1', 'Ingress'],
  ['networking.k8s.io/v1', 'NetworkPolicy'],
  ['policy/v1', 'PodDisruptionBudget'],
  ['v1', 'ConfigMap'],
  ['v1', 'Namespace'],
  ['v1', 'Secret'],
  ['v1', 'Service'],
  ['v1', 'ServiceAccount'],
] as const

const definitions = [
  { module: 'github.com/kedacore/keda/v2@v2.21.0', file: 'config/crd/bases/keda.sh_scaledobjects.yaml' },
  ...['prometheusrules', 'servicemonitors'].map(name => ({
    module: 'github.com/prometheus-operator/prometheus-operator@v0.85.0',
    file: `example/prometheus-operator-crd/monitoring.coreos.com_${name}.yaml`,
  })),
]

type Schema = { [key: string]: unknown }

const run = promisify(execFile)

await write(`kubernetes-${kubernetes.version}`, kubernetes.wheel, await fromWheel())
for (const { module, file } of definitions) {
  const name = path.basename(file, '.yaml')
  await write(name, `${module} ${file}`, { $defs: await fromModule(module, file) })
}
await run('biome', ['format', '--write', fileURLToPath(new URL('./schemas', import.meta.url))])

async function write(name: string, source: string, schema: Schema): Promise<void> {
  const text = JSON.stringify({ $id: name, $comment: `From ${source}, Apache License 2.0`, ...schema }, null, 2)
  await writeFile(new URL(`./schemas/${name}.json`, import.meta.url), `${text}\n`)
}

/** The strict form of Kubernetes' own definitions, in which no property goes that they do not have. */
async function fromWheel(): Promise<Schema> {
  const folder = await mkdtemp(path.join(tmpdir(), 'mortise-schemas-'))
  try {
    await run('pip', ['download', '--quiet', '--no-deps', '--dest', folder, kubernetes.wheel])
    await run('sh', ['-c', 'python3 -m zipfile -e "$1"/*.whl "$1"', 'sh', folder], { timeout: 120_000 })
    const file = `kubernetes_validate/kubernetes-json-schema/v${kubernetes.version}-local-strict/_definitions.json`
    const { $defs } = JSON.parse(await readFile(path.join(folder, file), 'utf8')) as { $defs: Record<string, Schema> }
    return { $defs: reachable($defs) }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function reachable(all: Record<string, Schema>): Record<string, Schema> {
  const found: Record<string, Schema> = {}
  const visit = (name: string) => {
    if (found[name]) return
    found[name] = withoutProse(all[name]!) as Schema
    for (const [, next] of JSON.stringify(found[name]).matchAll(/"\$ref":"#\/\$defs\/([^"]+)"/g)) visit(next!)
  }
  for (const [apiVersion, kind] of kinds) visit(definitionOf(all, apiVersion, kind))
  return Object.fromEntries(Object.entries(found).toSorted())
}

function definitionOf(all: Record<string, Schema>, apiVersion: string, kind: string): string {
  const [version, group = ''] = apiVersion.split('/').toReversed()
  const names = Object.keys(all).filter(name => {
    const meant = all[name]?.['x-kubernetes-group-version-kind'] as Record<string, string>[] | undefined
    return meant?.length === 1 && meant[0]?.group === group && meant[0].version === version && meant[0].kind === kind
  })
  if (names.length !== 1) throw new Error(`${apiVersion} ${kind}: found ${names.length} definitions`)
  return names[0]!
}

/** Of a published CustomResourceDefinition, in the form in which the definitions of Kubernetes are. */
async function fromModule(module: string, file: string): Promise<Record<string, Schema>> {
  const { stdout } = await run('go', ['mod', 'download', '-json', module], { timeout: 120_000 })
  const { Dir } = JSON.parse(stdout) as { Dir: string }
  const { spec } = parse(await readFile(path.join(Dir, file), 'utf8')) as CustomResource
  const { group, names, versions } = spec
  return Object.fromEntries(
    versions.map(({ name, schema }) => {
      const meant = { 'x-kubernetes-group-version-kind': [{ group, kind: names.kind, version: name }] }
      const { metadata, ...properties } = (schema.openAPIV3Schema as { properties: Schema }).properties
      // Kubernetes itself looks after these, and forgets every property that no definition has.
      const own = { apiVersion: { const: `${group}/${name}` }, kind: { const: names.kind }, metadata }
      const closed = strict(withoutProse({ ...schema.openAPIV3Schema, properties })) as { properties: Schema }
      return [`${group}.${name}.${names.kind}`, { ...closed, ...meant, properties: { ...closed.properties, ...own } }]
    }),
  )
}

type CustomResource = {
  spec: { group: string; names: { kind: string }; versions: { name: string; schema: { openAPIV3Schema: Schema } }[] }
}

function strict(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(strict)
  if (typeof schema !== 'object' || schema === null) return schema
  const all = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, strict(value)]))
  const isClosed = all.properties && !('additionalProperties' in all) && !all['x-kubernetes-preserve-unknown-fields']
  return isClosed && all.type === 'object' ? { ...all, additionalProperties: false } : all
}

/** A property may be called `description`, and then it is a schema. */
function withoutProse(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withoutProse)
  if (typeof schema !== 'object' || schema === null) return schema
  const kept = Object.entries(schema).filter(([key, value]) => !(key === 'description' && typeof value === 'string'))
  return Object.fromEntries(kept.map(([key, value]) => [key, withoutProse(value)]))
}
