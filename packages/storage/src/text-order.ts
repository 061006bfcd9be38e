/** The order of the UTF-8 bytes. That of JavaScript differs from it where surrogates meet U+E000 to U+FFFF. */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let at = 0; at < length; at += 1) {
    const left = a.charCodeAt(at)
    const right = b.charCodeAt(at)
    if (left !== right) return rank(left) - rank(right)
  }
  return a.length - b.length
}

/** Behind all keys that begin with a text, and before all others that are behind it. */
export const behindAll = (text: string) => `${text}\u{10ffff}`

/** Surrogates stand for characters above U+FFFF. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit < 0xe000 ? unit + 0x10000 : unit
}
