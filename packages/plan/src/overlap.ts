import type { Config, StorageConfig } from '@mortise/config'
import { type Place, placeIn, placeOfLocation } from './place.ts'
import type { Location } from './types.ts'

/**
 * Tells derivatives that cannot lie where their key says, because their original does: under its name, or in a folder
 * below it, where that name would have to be a file and a folder at once.
 */
export function createOverlap(config: Config): (original: Location, derivative: Location) => boolean {
  return (original, derivative) => {
    if (!`${derivative.key}/`.startsWith(`${original.key}/`)) return false
    const originals = placeOfLocation(config, original)
    if (printPlace(originals) !== printPlace(placeOfLocation(config, derivative))) return false
    return derivative.key === original.key || originals.files
  }
}

/** A text that two storages have in common when they hold the same objects of a bucket; `null` as in {@link placeIn}. */
export function placeOf(storage: StorageConfig, bucket: string): string | null {
  const place = placeIn(storage, bucket)
  return place && printPlace(place)
}

const printPlace = ({ holder, segments }: Place) => JSON.stringify([holder, segments])
