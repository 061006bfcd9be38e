import type { Resource } from './render.ts'

/** The parts of a pod that the tests look at. */
export type Pod = {
  automountServiceAccountToken?: boolean
  serviceAccountName?: string
  terminationGracePeriodSeconds?: number
  securityContext?: { runAsNonRoot?: boolean; runAsUser?: number; seccompProfile?: { type: string } }
  containers: Container[]
  volumes?: { name: string; configMap?: { name: string }; emptyDir?: object }[]
}

export type Container = {
  name: string
  image: string
  args?: string[]
  ports?: { name: string; containerPort: number }[]
  env?: Variable[]
  securityContext?: {
    allowPrivilegeEscalation?: boolean
    readOnlyRootFilesystem?: boolean
    capabilities?: { drop?: string[] }
  }
  resources?: { requests: Amounts; limits: Amounts }
  startupProbe?: Probe
  readinessProbe?: Probe
  livenessProbe?: Probe
  lifecycle?: { preStop?: { sleep?: { seconds: number } } }
}

export type Probe = {
  httpGet?: { path: string; port: string }
  tcpSocket?: { port: string }
  exec?: object
  periodSeconds: number
  timeoutSeconds: number
  failureThreshold: number
}

type Amounts = { cpu: string; memory: string }

type Key = { name: string; key: string }

export type Variable = {
  name: string
  value?: string
  valueFrom?: { configMapKeyRef?: Key; secretKeyRef?: Key; resourceFieldRef?: { resource: string; divisor: string } }
}

export type Labels = Record<string, string>

export type Workload = { kind: string; name: string; labels: Labels; pod: Pod }

/** What has pods. */
export function workloadsOf(resources: Resource[]): Workload[] {
  return resources
    .filter(({ kind }) => ['Deployment', 'StatefulSet', 'Job'].includes(kind))
    .map(({ kind, metadata, spec }) => {
      const { template } = spec as { template: { metadata: { labels: Labels }; spec: Pod } }
      return { kind, name: metadata.name, labels: template.metadata.labels, pod: template.spec }
    })
}

/** Those of Mortise itself have one container. */
export function roleOf(resources: Resource[], role: 'gateway' | 'worker'): Workload & { container: Container } {
  const found = workloadsOf(resources).find(({ name }) => name === `mortise-${role}`)
  const container = found?.pod.containers[0]
  if (!found || !container) throw new Error(`there is no mortise-${role}`)
  return { ...found, container }
}

export function ofKind<Spec>(resources: Resource[], kind: string): { name: string; labels: Labels; spec: Spec }[] {
  return resources
    .filter(resource => resource.kind === kind)
    .map(({ metadata, spec }) => ({ name: metadata.name, labels: metadata.labels ?? {}, spec: spec as Spec }))
}

export function selects(selector: Labels, labels: Labels): boolean {
  return Object.entries(selector).every(([name, value]) => labels[name] === value)
}

/** Every value under this name, however deep. */
export function valuesOf(tree: unknown, name: string): unknown[] {
  if (typeof tree !== 'object' || tree === null) return []
  return Object.entries(tree).flatMap(([key, value]) => [...(key === name ? [value] : []), ...valuesOf(value, name)])
}
