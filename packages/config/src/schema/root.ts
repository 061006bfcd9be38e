import { resolve } from 'node:path'
import type { Environment } from '../environment.ts'
import type { Report } from '../report.ts'
import type { Config } from '../types.ts'
import { bucket, checkBucket, resolveBucket } from './bucket.ts'
import { checkHeaderRules, headerRules } from './headers.ts'
import { limits } from './limits.ts'
import { checkPregenerated } from './pregenerate.ts'
import type { ScriptReader, Scripts } from './script.ts'
import { map, section } from './section.ts'
import { security } from './security.ts'
import { checkServer, resolveServer, server } from './server.ts'
import { type Output, text } from './setting.ts'

export const root = section(
  {
    server,
    limits,
    security,
    headers: headerRules,
    buckets: map(bucket, 'Buckets by name.'),
    baseconfigpath: text('Folder that a relative `scriptPath` starts from; else the variable MORT_CONFIG_DIR.'),
  },
  'The file.',
)

type Root = Output<typeof root>

type Options = { env: Environment; baseDir: string; readScript: ScriptReader }

export function checkRoot(root: Root, report: Report, options: Options): void {
  const { server, buckets } = root
  checkServer(server, report.below('server'))
  checkHeaderRules(root.headers, report.below('headers'))
  const known = { buckets: new Set(Object.keys(buckets)), plugins: server.plugins, ...scriptsOf(root, options) }
  for (const name in buckets) checkBucket(name, buckets[name]!, known, report.below('buckets', name))
  checkPregenerated(buckets, report.below('buckets'))
}

export function resolveRoot(root: Root, options: Options): Config {
  const { server, limits, security, headers } = root
  const sources = { baseDir: options.baseDir, ...scriptsOf(root, options) }
  const buckets: Config['buckets'] = Object.create(null)
  for (const name in root.buckets) buckets[name] = resolveBucket(name, root.buckets[name]!, sources)
  return { server: resolveServer(server, options.baseDir), limits, security, headers, buckets }
}

function scriptsOf({ baseconfigpath }: Root, { env, baseDir, readScript }: Options): Scripts {
  return { scriptDir: resolve(baseDir, baseconfigpath || env.MORT_CONFIG_DIR || 'configuration'), readScript }
}
