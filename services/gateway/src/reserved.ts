import { reservedPrefix } from '@mortise/storage'

const folder = reservedPrefix.replaceAll('/', '')
const pattern = new RegExp(`/${folder.replace('.', '\\.')}(?:/|$)`, 'i')

/**
 * Whether a key leads to what Mortise keeps for itself. The name counts in any folder, because a prefix of another
 * storage may end there, and in any case, because some file systems do not look at that.
 */
export function isReserved(key: string): boolean {
  return pattern.test(key)
}
