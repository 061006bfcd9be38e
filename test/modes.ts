import { afterAll, beforeAll, describe } from 'vitest'
import { type Cluster, startCluster } from './cluster.ts'

/** Runs the same specs against both queues. `setUp` gives the configuration; the cluster lives for the whole block. */
export function describeModes(
  name: string,
  setUp: () => Promise<{ config: object }>,
  specs: (cluster: () => Cluster) => void,
): void {
  describe.each(['embedded', 'distributed'] as const)(`${name} (%s)`, mode => {
    let running: Cluster | undefined
    beforeAll(async () => {
      running = await startCluster(mode, (await setUp()).config)
    })
    afterAll(async () => {
      await running?.[Symbol.asyncDispose]()
    })
    specs(() => {
      if (!running) throw new Error('the cluster has not started')
      return running
    })
  })
}
