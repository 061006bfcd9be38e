/** What an object was when somebody began to read it. */
export type Version = {
  /** No object that this may be was written since. */
  isCurrent(): boolean
  /** Differs from that of every earlier version. */
  readonly stamp: number
}

export type Versions = {
  of(key: string): Version
  /** The object was written or deleted: what was read before counts no more. */
  change(key: string): void
}

/** Each is a number. Two objects in one slot make each other's copies be read again, and that is all. */
const slots = 65_536

/**
 * Which copies of originals are out of date, by the last segment of their keys: that is what stays the same when two
 * storages with different prefixes hold one object. Bounded, whatever is written.
 */
export function createVersions(): Versions {
  const stamps = new Uint32Array(slots)
  return {
    of(key) {
      const slot = slotOf(key)
      const stamp = stamps[slot]!
      return { stamp, isCurrent: () => stamps[slot] === stamp }
    },
    change(key) {
      stamps[slotOf(key)]! += 1
    },
  }
}

/** FNV-1a over the last segment, folded. */
function slotOf(key: string): number {
  let hash = 0x811c9dc5
  for (let at = key.lastIndexOf('/') + 1; at < key.length; at++) {
    hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193)
  }
  return (hash ^ (hash >>> 16)) & (slots - 1)
}
