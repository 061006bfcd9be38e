import { describe, expect, it } from 'vitest'
import { createValidate } from './validate.ts'

const validate = await createValidate()

describe('the schemas', () => {
  const metadata = { name: 'x' }
  const pod = (container: object) => ({
    selector: { matchLabels: { a: 'b' } },
    template: { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'x', image: 'x:1', ...container }] } },
  })
  it.each([
    ['a name that is misspelt', 'apps/v1', 'Deployment', pod({ readinesProbe: {} })],
    ['a number that is a text', 'apps/v1', 'Deployment', pod({ ports: [{ containerPort: '8080' }] })],
    ['something that is missing', 'networking.k8s.io/v1', 'NetworkPolicy', { ingress: [{ ports: [{ protocol: 6 }] }] }],
    ['a kind of another version', 'autoscaling/v2beta2', 'HorizontalPodAutoscaler', {}],
    [
      'a setting of KEDA that is none',
      'keda.sh/v1alpha1',
      'ScaledObject',
      { triggers: [{ type: 'x', metadata: {} }], minReplicas: 2 },
    ],
    ['a trigger without settings', 'keda.sh/v1alpha1', 'ScaledObject', { triggers: [{ type: 'prometheus' }] }],
    [
      'a rule without expression',
      'monitoring.coreos.com/v1',
      'PrometheusRule',
      { groups: [{ name: 'x', rules: [{ alert: 'x' }] }] },
    ],
    [
      'an interval that is none',
      'monitoring.coreos.com/v1',
      'ServiceMonitor',
      { selector: {}, endpoints: [{ interval: 'often' }] },
    ],
  ])('tell of %s', (_, apiVersion, kind, spec) => {
    expect(validate({ apiVersion, kind, metadata, spec })).not.toEqual([])
  })

  it('accept what is right', () => {
    expect(validate({ apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: pod({}) })).toEqual([])
  })
})
