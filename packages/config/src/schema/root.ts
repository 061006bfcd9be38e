import { resolve } from 'node:path'
import type { Environment } from '../environment.ts'
import type { Report } from '../report.ts'
import type { Config } from '../types.ts'
import { bucket, checkBucket, resolveBucket } from './bucket.ts'
import { headerRules } from './headers.ts'
import { limits } from './limits.ts'
import { map, section } from './section.ts'
import { checkServer, resolveServer, server } from './server.ts'
import { type Output, text } from './setting.ts'

export const root = section(
  {
    server,
    limits,
    headers: headerRules,
    buckets: map(bucket, 'Buckets by name.'),
    baseconfigpath: text('Folder that a relative `tengoPath` starts from; else the variable MORT_CONFIG_DIR.'),
  },
  'The file.',
)

type Root = Output<typeof root>

export function checkRoot({ server, buckets }: Root, report: Report): void {
  checkServer(server, report.below('server'))
  const names = new Set(Object.keys(buckets))
  for (const name in buckets) checkBucket(name, buckets[name]!, names, report.below('buckets', name))
}

export function resolveRoot(root: Root, { env, baseDir }: { env: Environment; baseDir: string }): Config {
  const { server, limits, headers, baseconfigpath } = root
  const scriptDir = resolve(baseDir, baseconfigpath || env.MORT_CONFIG_DIR || 'configuration')
  const buckets: Config['buckets'] = Object.create(null)
  for (const name in root.buckets) buckets[name] = resolveBucket(name, root.buckets[name]!, { baseDir, scriptDir })
  return { server: resolveServer(server), limits, headers, buckets }
}
