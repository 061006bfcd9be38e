import { createRequire } from 'node:module'
import { type ChildServer, startChild } from './child.ts'

export type AzureServer = ChildServer & { account: string; key: string }

/** An empty Azurite, Microsoft's own stand-in for Azure Storage, which keeps everything in memory. */
export async function startAzurite(): Promise<AzureServer> {
  const main = createRequire(import.meta.url).resolve('azurite/dist/src/blob/main.js')
  const quiet = ['--silent', '--disableTelemetry', '--inMemoryPersistence', '--skipApiVersionCheck']
  const { endpoint, stop } = await startChild(
    port => [process.execPath, main, '--blobPort', String(port), ...quiet],
    // It answers whoever has not signed with a refusal.
    status => status >= 400 && status < 500,
  )
  return { endpoint: `${endpoint}/${account}`, account, key, stop }
}

/** Published with Azurite; they open nothing else. */
const account = 'devstoreaccount1'
const key = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=='
