import type { Report } from '../report.ts'
import type { BucketConfig } from '../types.ts'
import { cors } from './cors.ts'
import { checkGlacier, glacier, resolveGlacier } from './glacier.ts'
import { checkHeaders } from './headers.ts'
import { checkPregenerate, type Plugins, pregenerate, resolvePregenerate } from './pregenerate.ts'
import type { Scripts } from './script.ts'
import { list, map, section } from './section.ts'
import { type Output, parsed, text } from './setting.ts'
import { checkStorage, resolveStorage, storage } from './storage.ts'
import { checkTransform, resolveTransform, transform } from './transform.ts'

export const bucket = section(
  {
    keys: list(
      section({ accessKey: text('The access key.'), secretAccessKey: text('The secret key.') }, 'A pair of keys.'),
      'Keys of the S3 API. Without any, nobody can write.',
    ),
    headers: map(text('The value.'), 'Response headers, added where they are missing.'),
    storages: map(storage, '`basic` holds originals, `transform` derivatives; further names for `parentStorage`.'),
    transform,
    glacier,
    private: parsed<BucketConfig['private'] | 'nothing', 'nothing'>(
      'Ours. `true`: only signed requests read originals and list; `all`: derivatives as well.',
      readPrivate,
      { expected: 'true, false or all', fallback: 'nothing', printed: 'false' },
    ),
    cors,
    pregenerate,
  },
  'A bucket.',
)

type BucketSection = Output<typeof bucket>
/** `buckets`: the names that there are. */
type Known = Scripts & { buckets: Set<string>; plugins: Plugins }

export function checkBucket(name: string, bucket: BucketSection, known: Known, report: Report): void {
  if (name === '-') report.mistake([], 'expected another name: paths that start with /-/ are not of buckets')
  checkName(name, 'bucket', report)
  const { storages, transform, glacier } = bucket
  if (!Object.hasOwn(storages, 'basic')) {
    report.mistake(['storages', 'basic'], 'expected a storage for originals, found nothing')
  }
  for (const name in storages) {
    checkName(name, 'storage', report.below('storages', name))
    checkStorage(storages[name]!, report.below('storages', name))
  }
  checkHeaders(bucket.headers, report.below('headers'))
  const names = new Set(Object.keys(storages))
  if (transform) checkTransform(transform, report.below('transform'), { storages: names, ...known })
  if (glacier) checkGlacier(glacier, report.below('glacier'))
  checkPregenerate(bucket, report.below('pregenerate'), known.plugins)
}

export function resolveBucket(
  name: string,
  bucket: BucketSection,
  { baseDir, ...scripts }: Scripts & { baseDir: string },
): BucketConfig {
  const { keys, headers, storages, transform, glacier, cors } = bucket
  const resolved: BucketConfig['storages'] = Object.create(null)
  for (const name in storages) resolved[name] = resolveStorage(name, storages[name]!, baseDir)
  return {
    name,
    keys,
    headers,
    storages: resolved,
    transform: transform && resolveTransform(transform, scripts),
    glacier: glacier && resolveGlacier(glacier),
    private: bucket.private === 'nothing' ? null : bucket.private,
    cors,
    pregenerate: bucket.pregenerate && resolvePregenerate(bucket.pregenerate),
  }
}

function readPrivate(text: string): 'originals' | 'all' | 'nothing' | null {
  if (text === 'all') return 'all'
  if (/^(?:y|yes|true|on)$/i.test(text)) return 'originals'
  return /^(?:n|no|false|off)$/i.test(text) ? 'nothing' : null
}

/** Names become parts of URLs, of plans and of paths on disk. */
function checkName(name: string, what: string, report: Report): void {
  if (name === '' || name === '.' || name === '..' || /[/\\\x00-\x1f\x7f]/.test(name)) {
    report.mistake([], `expected a name for the ${what} without slashes and control characters, found another`)
  }
}
