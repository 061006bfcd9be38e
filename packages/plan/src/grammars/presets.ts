import type { Preset } from '@mortise/config'
import { MortiseError } from '@mortise/errors'
import type { RE2JS } from 're2js'
import { emptySet, type TransformSet } from '../transform-set.ts'
import type { Grammar } from './grammar.ts'
import { groupsOf, parentPath, readFormat, readGravity } from './shared.ts'

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
export function createPresetsGrammar({ path, presets, parentBucket, readParent }: PresetsOptions): Grammar {
  const sets = new Map(Object.entries(presets).map(([name, preset]) => [name, compile(name, preset)]))
  const match = groupsOf(path, ['presetName', 'parent'])
  return ({ key }) => {
    const groups = match(key)
    if (!groups) return null
    const set = sets.get(groups.presetName)
    if (!set) throw new MortiseError('invalid_request', 'presets: no such preset')
    if (set instanceof MortiseError) throw set
    const parent = readParent ? readParent(groups.parent) : groups.parent
    return { sets: [set], parent: parentPath(parentBucket ?? '', parent) }
  }
}

/** mort starts with a preset that cannot work and refuses each request for it; so the mistake is kept, not thrown. */
function compile(name: string, preset: Preset): TransformSet | MortiseError {
  try {
    return toSet(preset)
  } catch (error) {
    if (error instanceof MortiseError) return new MortiseError(error.code, `preset ${name}: ${error.message}`)
    throw error
  }
}

/** The transform set of a preset, recorded in mort's order: with a thumbnail and a crop, the crop's size holds. */
export function toSet({ quality, format, filters }: Preset): TransformSet {
  const { thumbnail, crop, extract, blur, rotate } = filters
  const set: TransformSet = {
    ...emptySet,
    grayscale: filters.grayscale,
    progressive: filters.interlace,
    strip: filters.strip,
    // Out of range is ignored in a preset, in contrast to a query.
    quality: quality >= 1 && quality <= 100 ? quality : null,
    rotate: rotate && isAngle(rotate.angle) ? rotate.angle : null,
  }
  if (filters.watermark || filters.resizeCropAuto) {
    throw new MortiseError('unsupported', 'this version has neither watermark nor resizeCropAuto')
  }
  if (thumbnail) {
    Object.assign(set, sizes('thumbnail', thumbnail))
    set.resize = {
      outbound: thumbnail.mode === 'outbound',
      keep: thumbnail.preserveAspectRatio,
      fill: thumbnail.fill,
      enlarge: thumbnail.enlarge ?? true,
    }
  }
  if (crop) {
    Object.assign(set, sizes('crop', crop))
    set.crop = { gravity: readGravity(crop.gravity), enlarge: crop.mode === 'outbound' }
  }
  if (extract) set.extract = notNegative('extract', { ...extract })
  if (blur) {
    if (!(blur.sigma > 0 && blur.sigma <= 100)) throw new MortiseError('invalid_request', 'blur: bad sigma')
    set.blur = { sigma: blur.sigma, minAmplitude: blur.minAmpl }
  }
  if (format !== '') {
    set.format = readFormat(format)
    if (!set.format) throw new MortiseError('invalid_request', 'bad format')
  }
  return set
}

function isAngle(angle: number): angle is 0 | 90 | 180 | 270 {
  return angle === 0 || angle === 90 || angle === 180 || angle === 270
}

function sizes(name: string, { width, height }: { width: number; height: number }) {
  return notNegative(name, { width, height })
}

function notNegative<T extends Record<string, number>>(name: string, numbers: T): T {
  if (Object.values(numbers).some(value => value < 0)) throw new MortiseError('invalid_request', `${name}: negative`)
  return numbers
}
