import type { ObjectInfo } from './storage.ts'

/**
 * What is written beside a derivative. Derivatives that mort stored have only width and height; they are served as they
 * are.
 */
export type DerivativeRecord = {
  /** Bytes of the body; see `isWhole`. */
  size?: number
  /** px; undefined when not recorded. */
  width?: number
  height?: number
  /** The id of the plan that it was made by: with keys that are paths, a changed preset shows here. */
  plan?: string
  /** ETag of the original that it was made from. */
  original?: string
  /** Digest of the bytes: the ETag that clients see, wherever and however often the bytes are stored. */
  etag?: string
  /** When it was made, milliseconds since the epoch: the Last-Modified that clients see. */
  modified?: number
}

const names = {
  size: 'mortise-size',
  width: 'public-width',
  height: 'public-height',
  plan: 'mortise-plan',
  original: 'mortise-original',
  etag: 'mortise-etag',
  modified: 'mortise-modified',
} as const satisfies Record<keyof DerivativeRecord, string>

/** The record as user metadata of the stored object. */
export function writeRecord(record: Required<DerivativeRecord>): Record<string, string> {
  return {
    [names.size]: String(record.size),
    [names.width]: String(record.width),
    [names.height]: String(record.height),
    [names.plan]: record.plan,
    [names.original]: record.original,
    [names.etag]: record.etag,
    [names.modified]: String(record.modified),
  }
}

/** Reads it back; nonsense reads as absent. */
export function readRecord({ metadata }: Pick<ObjectInfo, 'metadata'>): DerivativeRecord {
  const record: DerivativeRecord = {}
  for (const name of ['size', 'width', 'height', 'modified'] as const) {
    const value = Number(metadata[names[name]])
    if (Number.isSafeInteger(value) && value > 0) record[name] = value
  }
  for (const name of ['plan', 'original', 'etag'] as const) {
    const text = metadata[names[name]]
    if (text) record[name] = text
  }
  return record
}

/**
 * Whether a stored derivative has all of its bytes. They are stored without waiting for the disk, so a power cut may
 * leave a shorter file, or one of nothing; either counts as absent and is made again.
 */
export function isWhole(info: Pick<ObjectInfo, 'size' | 'metadata'>): boolean {
  const { size = info.size } = readRecord(info)
  return info.size > 0 && info.size === size
}

/** User metadata that is for clients: what Mortise keeps for itself is left out. */
export function publicMetadata({ metadata }: Pick<ObjectInfo, 'metadata'>): [name: string, value: string][] {
  return Object.entries(metadata).filter(([name]) => !name.startsWith('mortise-'))
}
