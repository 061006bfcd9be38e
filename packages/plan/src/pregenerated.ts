import type { BucketConfig, Config, KeyPart, PresetKeys } from '@mortise/config'
import { MortiseError } from '@mortise/errors'
import type { Format } from '@mortise/operations'
import type { Resolved } from './explain.ts'
import type { Reader, Readers } from './readers.ts'
import type { Location, Plan } from './types.ts'

/** What is wanted in place of what the configuration of a bucket says; presets that a bucket does not have are passed over. */
export type Wanted = { presets?: readonly string[]; formats?: readonly Format[] }

export type PregeneratedDeps = {
  config: Config
  readers: Readers
  /** What a URL means to a client that accepts this. */
  resolve(request: { target: string; accepts: readonly Format[] }): Resolved
}

/**
 * Gives the function that turns an object into the plans of derivatives that are made right from it, each the one that a
 * client's request for the preset and the format has: it is read from that URL.
 */
export function createPregenerated({ config, readers, resolve }: PregeneratedDeps) {
  /** `null` for what no client gets. */
  const read = (target: string, accepts: readonly Format[]): Resolved | null => {
    try {
      return resolve({ target, accepts })
    } catch (error) {
      if (error instanceof MortiseError) return null
      throw error
    }
  }

  function plansOf({ bucket: name, original }: Reader, wanted: Wanted): Plan[] {
    const bucket = config.buckets[name]
    const presetKeys = bucket?.transform?.presetKeys
    if (!bucket || !presetKeys) return []
    const { presets, formats } = { ...(bucket.pregenerate ?? nothing), ...wanted }
    const known = presets.filter(preset => Object.hasOwn(bucket.transform?.presets ?? {}, preset))
    return known.flatMap(preset => {
      const target = findUrl({ bucket, presetKeys, original, preset }, target => read(target, []))
      if (target === null) return []
      return [[], ...formats.map(format => [format])].flatMap(accepts => {
        const resolution = read(target, accepts)?.resolution
        return resolution?.kind === 'derivative' ? [resolution.plan] : []
      })
    })
  }

  return (object: Location, wanted: Wanted = {}): Plan[] => {
    const found = readers.of(object).filter(reader => isMeant(config, object, reader))
    const plans = found.flatMap(reader => plansOf(reader, wanted))
    return [...new Map(plans.map(plan => [plan.id, plan])).values()]
  }
}

/** A batch takes no more. */
const maxPlans = 64

/** Lists of 1 to 64 plans, each of one original: an object may have several names, and is read under each by itself. */
export function groupByOriginal(plans: readonly Plan[]): { original: Location; plans: Plan[] }[] {
  const groups = Map.groupBy(plans, ({ original }) => JSON.stringify([original.storage, original.bucket, original.key]))
  return [...groups.values()].flatMap(group =>
    Array.from({ length: Math.ceil(group.length / maxPlans) }, (_, at) => {
      const some = group.slice(at * maxPlans, (at + 1) * maxPlans)
      return { original: some[0]!.original, plans: some }
    }),
  )
}

const nothing: Required<Wanted> = { presets: [], formats: [] }

/** URLs that name the bucket of their parent could name any bucket whose originals lie there: the object's own is meant. */
function isMeant({ buckets }: Config, object: Location, { bucket, original }: Reader): boolean {
  return original.bucket === (buckets[bucket]?.transform?.parentBucket ?? object.bucket)
}

type Sought = { bucket: BucketConfig; presetKeys: PresetKeys; original: Location; preset: string }

/** `null`: there is none. */
function findUrl(sought: Sought, read: (target: string) => Resolved | null): string | null {
  const { bucket, presetKeys, preset, original } = sought
  for (const form of presetKeys.forms) {
    for (const parent of parentsFor(bucket, original)) {
      const target = `/${encodeURIComponent(bucket.name)}${print(form, { presetName: preset, parent })}`
      if (means(read(target), sought)) return target
    }
  }
  return null
}

/** It names that preset, and its parent is the object as it is stored. */
function means(resolved: Resolved | null, { preset, original }: Sought): boolean {
  if (resolved?.resolution.kind !== 'derivative' || !('chain' in resolved)) return false
  const { links, original: root } = resolved.chain
  const isOriginal = (['storage', 'bucket', 'key'] as const).every(part => root[part] === original[part])
  return isOriginal && links.length === 2 && links[0]?.preset === preset
}

/** How the group `parent` may name an original; some paths want it to begin with a slash. */
function parentsFor({ transform }: BucketConfig, { bucket, key }: Location): string[] {
  const path = transform?.parentBucket === null ? `/${bucket}${key}` : key
  const texts = [path.slice(1), path]
  if (transform?.kind !== 'base64_presets') return texts
  return texts.map(text => Buffer.from(text).toString('base64').replace(/=+$/, ''))
}

function print(form: readonly KeyPart[], groups: Record<'presetName' | 'parent', string>): string {
  const key = form.map(part => ('text' in part ? part.text : groups[part.group])).join('')
  const path = key.startsWith('/') ? key : `/${key}`
  return path.split('/').map(encodeURIComponent).join('/')
}
