import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { check, meaningOf } from './check.ts'
import { type Labels, ofKind, roleOf, selects, valuesOf, workloadsOf } from './read.ts'
import { findKustomize, render } from './render.ts'
import { trial } from './site.ts'
import { createValidate } from './validate.ts'

const kustomize = await findKustomize()
const validate = await createValidate()
const repository = (name: string) => readFile(new URL(`../../${name}`, import.meta.url), 'utf8')

describe.runIf(kustomize).each(['dev', 'production'])('k8s/overlays/%s', async name => {
  const resources = kustomize ? await render(kustomize, `overlays/${name}`) : []
  const workloads = workloadsOf(resources)

  it('is what the schemas of Kubernetes and its extensions allow', () => {
    const mistakes = resources.flatMap(resource =>
      validate(resource).map(mistake => `${resource.kind} ${resource.metadata.name}: ${mistake}`),
    )
    expect(mistakes).toEqual([])
    expect(resources.length).toBeGreaterThan(15)
  })

  it('has everything in one namespace, which enforces the restricted profile', () => {
    const [namespace] = resources.filter(({ kind }) => kind === 'Namespace')
    expect(namespace?.metadata.labels).toEqual({ 'pod-security.kubernetes.io/enforce': 'restricted' })
    const others = resources.filter(({ kind }) => kind !== 'Namespace').map(({ metadata }) => metadata.namespace)
    expect(new Set(others)).toEqual(new Set([namespace?.metadata.name]))
  })

  it('gives no container more rights than it needs', () => {
    for (const { pod, name } of workloads) {
      expect([name, pod.automountServiceAccountToken, pod.securityContext?.runAsNonRoot]).toEqual([name, false, true])
      expect(pod.securityContext?.runAsUser).toBeGreaterThan(0)
      expect(pod.securityContext?.seccompProfile).toEqual({ type: 'RuntimeDefault' })
      for (const { securityContext } of pod.containers) {
        expect([name, securityContext]).toEqual([
          name,
          { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
        ])
      }
    }
  })

  it('pins every image and bounds every container and every folder that it writes to', () => {
    for (const { pod, name } of workloads) {
      for (const { image, resources } of pod.containers) {
        expect([name, image]).toEqual([name, expect.stringMatching(/:(?!latest$)[\w.-]+$/)])
        for (const amounts of [resources?.requests, resources?.limits]) {
          expect([name, amounts]).toEqual([name, { cpu: expect.any(String), memory: expect.any(String) }])
        }
      }
      for (const { emptyDir } of pod.volumes ?? []) if (emptyDir) expect(emptyDir).toHaveProperty('sizeLimit')
    }
  })

  it('names only what is there', () => {
    const names = new Set(resources.map(({ kind, metadata }) => `${kind} ${metadata.name}`))
    const maps = new Map(resources.flatMap(({ metadata, data }) => (data ? [[metadata.name, data] as const] : [])))
    for (const { pod } of workloads) {
      if (pod.serviceAccountName) expect(names).toContain(`ServiceAccount ${pod.serviceAccountName}`)
      for (const { configMap } of pod.volumes ?? [])
        if (configMap) expect(names).toContain(`ConfigMap ${configMap.name}`)
      for (const { valueFrom } of pod.containers.flatMap(({ env }) => env ?? [])) {
        const place = valueFrom?.configMapKeyRef ?? (name === 'dev' ? valueFrom?.secretKeyRef : undefined)
        if (place) expect(Object.keys(maps.get(place.name) ?? {})).toContain(place.key)
      }
    }
    for (const { scaleTargetRef } of valuesOf(resources, 'spec') as {
      scaleTargetRef?: { kind: string; name: string }
    }[]) {
      if (scaleTargetRef) expect(names).toContain(`${scaleTargetRef.kind} ${scaleTargetRef.name}`)
    }
    const services = ofKind<{ ports: { name: string }[] }>(resources, 'Service')
    for (const backend of valuesOf(resources, 'backend') as { service: { name: string; port: { name: string } } }[]) {
      const service = services.find(({ name }) => name === backend.service.name)
      expect(service?.spec.ports.map(({ name }) => name)).toContain(backend.service.port.name)
    }
  })

  it('selects pods that are there, and ports that they have', () => {
    const meant = (selector: Labels) => workloads.filter(({ labels }) => selects(selector, labels))
    const portsOf = (selector: Labels) =>
      meant(selector).flatMap(({ pod }) => pod.containers.flatMap(({ ports }) => ports ?? []))
    for (const { name, spec } of ofKind<{ selector: Labels; ports: { targetPort: string }[] }>(resources, 'Service')) {
      const ports = portsOf(spec.selector).map(port => port.name)
      for (const { targetPort } of spec.ports)
        expect([name, ports]).toEqual([name, expect.arrayContaining([targetPort])])
    }
    for (const { name, spec } of ofKind<{ selector: { matchLabels: Labels } }>(resources, 'PodDisruptionBudget')) {
      expect(meant(spec.selector.matchLabels).map(workload => workload.name)).toEqual([name])
    }
    for (const { name, spec } of ofKind<Policy>(resources, 'NetworkPolicy')) {
      const selector = spec.podSelector.matchLabels ?? {}
      expect([name, meant(selector).length]).toEqual([name, expect.toSatisfy((count: number) => count > 0)])
      for (const rule of spec.ingress ?? []) {
        for (const { port } of rule.ports) expect(portsOf(selector).map(port => port.name)).toContain(port)
      }
      for (const { to, ports } of spec.egress ?? []) {
        const inside = to.flatMap(({ podSelector, namespaceSelector }) =>
          namespaceSelector ? [] : (podSelector ?? []),
        )
        for (const { matchLabels } of inside) {
          const open = portsOf(matchLabels ?? {}).map(port => port.containerPort)
          for (const { port } of ports) expect(open).toContain(port)
        }
      }
    }
  })

  it('closes everything that no policy opens', () => {
    const policies = ofKind<Policy>(resources, 'NetworkPolicy')
    expect(policies.find(({ name }) => name === 'nothing')?.spec).toEqual({
      podSelector: {},
      policyTypes: ['Ingress', 'Egress'],
    })
    const openers = policies.filter(({ spec }) =>
      spec.ingress?.some(({ ports }) => ports.some(p => p.port === 'internal')),
    )
    expect(openers.map(({ spec }) => spec.ingress?.map(({ from }) => from))).toEqual([
      [[{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } }]],
    ])
  })

  it('gives a pod the time that its drain takes', async () => {
    const { requestTimeout, worker } = (await meaningOf(resources)).server
    const margin =
      Number(
        /^const marginMs = ([\d_]+)$/m.exec(await repository('services/cli/src/life-cycle.ts'))?.[1]?.replace('_', ''),
      ) / 1000
    expect(worker.graceSeconds).toBeGreaterThan(requestTimeout)
    for (const role of ['gateway', 'worker'] as const) {
      const { pod, container } = roleOf(resources, role)
      const preStop = container.lifecycle?.preStop?.sleep?.seconds ?? 0
      expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(preStop + worker.graceSeconds + margin)
    }
    const { container } = roleOf(resources, 'gateway')
    const { periodSeconds = 0, failureThreshold = 0 } = container.readinessProbe ?? {}
    expect(container.lifecycle?.preStop?.sleep?.seconds).toBeGreaterThanOrEqual(periodSeconds * (failureThreshold - 1))
  })

  it('gives renders the threads of libuv that the launcher would', async () => {
    expect(await repository('services/cli/bin/mortise')).toContain('UV_THREADPOOL_SIZE:-$((cores * 2 + 4))')
    for (const role of ['gateway', 'worker'] as const) {
      const { env, resources: amounts } = roleOf(resources, role).container
      const size = env?.find(({ name }) => name === 'UV_THREADPOOL_SIZE')?.value
      expect(Number(size)).toBe(Number(amounts?.limits.cpu) * 2 + 4)
    }
  })

  it('has a configuration that check --strict accepts, and that needs each of its variables', async () => {
    expect((await check(resources, trial)).code).toBe(0)
    const given = Object.keys(trial)
    for (const role of ['gateway', 'worker'] as const) {
      const names = (roleOf(resources, role).container.env ?? []).map(({ name }) => name)
      expect(names.toSorted()).toEqual([...given, 'UV_THREADPOOL_SIZE'].toSorted())
    }
    for (const name of given)
      expect([name, (await check(resources, { ...trial, [name]: undefined })).code]).toEqual([name, 1])
  })

  it('has containers that listen where the configuration says', async () => {
    const { listens, internalListen } = (await meaningOf(resources)).server
    const portsOf = (role: 'gateway' | 'worker') =>
      Object.fromEntries(
        (roleOf(resources, role).container.ports ?? []).map(port => [port.name, `:${port.containerPort}`]),
      )
    expect(portsOf('gateway')).toEqual({ http: listens[0], internal: internalListen })
    expect(portsOf('worker')).toEqual({ internal: internalListen })
  })

  it('starts the images as their Dockerfile does', async () => {
    const dockerfile = await repository('Dockerfile')
    for (const role of ['gateway', 'worker'] as const) {
      const { args } = roleOf(resources, role).container
      expect(dockerfile).toContain(`CMD ${JSON.stringify(args).replaceAll(',', ', ')}\n`)
      expect(dockerfile).toMatch(new RegExp(`^FROM \\S+ AS ${role}$`, 'm'))
    }
  })
})

type Policy = {
  podSelector: { matchLabels?: Labels }
  policyTypes: string[]
  ingress?: { from?: unknown; ports: { port: string | number }[] }[]
  egress?: { to: { podSelector?: { matchLabels?: Labels }; namespaceSelector?: object }[]; ports: { port: number }[] }[]
}
