import type { Report } from '../report.ts'
import type { BucketConfig } from '../types.ts'
import { checkGlacier, glacier, resolveGlacier } from './glacier.ts'
import { list, map, section } from './section.ts'
import { type Output, text } from './setting.ts'
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
  },
  'A bucket.',
)

type BucketSection = Output<typeof bucket>
/** The buckets that there are, and the folder that scripts are in. */
type BucketNames = { buckets: Set<string>; scriptDir: string }

export function checkBucket(name: string, bucket: BucketSection, names: BucketNames, report: Report): void {
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
  const known = { storages: new Set(Object.keys(storages)), ...names }
  if (transform) checkTransform(transform, report.below('transform'), known)
  if (glacier) checkGlacier(glacier, report.below('glacier'))
}

export function resolveBucket(
  name: string,
  { keys, headers, storages, transform, glacier }: BucketSection,
  { baseDir, scriptDir }: { baseDir: string; scriptDir: string },
): BucketConfig {
  const resolved: BucketConfig['storages'] = Object.create(null)
  for (const name in storages) resolved[name] = resolveStorage(name, storages[name]!, baseDir)
  return {
    name,
    keys,
    headers,
    storages: resolved,
    transform: transform && resolveTransform(transform, scriptDir),
    glacier: glacier && resolveGlacier(glacier),
  }
}

/** Names become parts of URLs, of plans and of paths on disk. */
function checkName(name: string, what: string, report: Report): void {
  if (name === '' || name === '.' || name === '..' || /[/\\\x00-\x1f\x7f]/.test(name)) {
    report.mistake([], `expected a name for the ${what} without slashes and control characters, found another`)
  }
}
