import type { Preset } from '@mortise/config'
import { MortiseError } from '@mortise/errors'
import type { RE2JS } from 're2js'
import { isAngle, record } from '../record.ts'
import { newSet, type TransformSet } from '../transform-set.ts'
import { at, invalid } from '../values.ts'
import { type Grammar, warnOfQuery } from './grammar.ts'
import { groupsOf, parentPath } from './path.ts'

export type PresetsOptions = {
  /** Has the groups `presetName` and `parent`; unanchored. */
  path: RE2JS
  presets: Record<string, Preset>
  /** `null`: the first segment of the captured parent names the bucket. */
  parentBucket: string | null
  /** What the group `parent` stands for; absent: itself. Throws `invalid_request`. */
  readParent?: (text: string) => string
}

/** `/small/cat.jpg`: mort's `presets` kind. The query string is ignored; an unknown preset is `invalid_request`. */
export function createPresetsGrammar(options: PresetsOptions): Grammar {
  const match = createPresetMatcher(options)
  return request => {
    warnOfQuery(request, 'only the path is read')
    return match(request)
  }
}

/** As the grammar, which says nothing of the query. */
export function createPresetMatcher({ path, presets, parentBucket, readParent }: PresetsOptions): Grammar {
  const sets = new Map(Object.entries(presets).map(([name, preset]) => [name, compile(name, preset)]))
  const match = groupsOf(path, ['presetName', 'parent'])
  return ({ key }) => {
    const groups = match(key)
    if (!groups) return null
    const set = sets.get(groups.presetName)
    if (!set) throw invalid('preset', groups.presetName, 'one of this bucket')
    if (set instanceof MortiseError) throw set
    const parent = readParent ? readParent(groups.parent) : groups.parent
    return { sets: [set], parent: parentPath(parentBucket ?? '', parent), preset: groups.presetName }
  }
}

/** mort starts with a preset that cannot work and refuses each request for it; so the mistake is kept, not thrown. */
function compile(name: string, preset: Preset): TransformSet | MortiseError {
  try {
    return at(`preset ${name}`, () => toSet(preset))
  } catch (error) {
    if (error instanceof MortiseError) return error
    throw error
  }
}

/**
 * The transform set of a preset, recorded in mort's order: with a thumbnail and a crop, the crop's size holds. Throws
 * `invalid_request`.
 */
export function toSet({ quality, format, filters }: Preset): TransformSet {
  const { thumbnail, crop, extract, resizeCropAuto, blur, watermark, rotate } = filters
  const set = newSet()
  if (thumbnail) recordThumbnail(set, thumbnail)
  if (crop) record.crop(set, { ...crop, enlarge: crop.mode === 'outbound' })
  if (extract) record.extract(set, extract)
  if (resizeCropAuto) record.resizeCropAuto(set, resizeCropAuto)
  // Out of range is passed over in a preset, in contrast to a query; so is an angle.
  if (quality >= 1 && quality <= 100) record.quality(set, quality)
  if (filters.interlace) record.interlace(set)
  if (filters.strip) record.strip(set)
  if (format !== '') record.format(set, format)
  if (blur) record.blur(set, blur.sigma, blur.minAmpl)
  if (watermark) record.watermark(set, { ...watermark, file: true })
  if (filters.grayscale) record.grayscale(set)
  if (rotate && isAngle(rotate.angle)) record.rotate(set, rotate.angle)
  return set
}

function recordThumbnail(set: TransformSet, thumbnail: NonNullable<Preset['filters']['thumbnail']>): void {
  const { width, height, mode, preserveAspectRatio, fill, enlarge } = thumbnail
  record.resize(set, { width, height, outbound: mode === 'outbound', keep: preserveAspectRatio, fill })
  if (enlarge === false && set.resize) {
    set.resize = { ...set.resize, enlarge }
    set.beyondWords = true
  }
}
