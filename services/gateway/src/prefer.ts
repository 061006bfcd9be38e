/** That a client would rather be answered before all is done than wait for longer than `waitMs`. */
export type RespondAsync = { waitMs: number }

/**
 * Reads `Prefer` (RFC 7240). `null` without `respond-async`. `wait=SECONDS` (section 4.3) counts only beside it; no
 * client waits for longer than `maxMs`.
 */
export function readPrefer(field: string | string[] | undefined, maxMs: number): RespondAsync | null {
  if (field === undefined) return null
  const preferences = parsePreferences(String(field))
  if (!preferences.has('respond-async')) return null
  const wait = preferences.get('wait') ?? ''
  return { waitMs: /^\d{1,9}$/.test(wait) ? Math.min(Number(wait) * 1000, maxMs) : 0 }
}

/** By name in lower case; the first of several with one name counts (section 2). A quote that nothing ends goes to the end. */
function parsePreferences(field: string): Map<string, string> {
  const found = new Map<string, string>()
  for (const [text] of field.matchAll(/(?:"(?:[^"\\]|\\.)*(?:"|\\?$)|[^,"])+/g)) {
    const [, name = '', value = ''] = /^[\s;]*([^\s=;"]+)\s*(?:=\s*("(?:[^"\\]|\\.)*"|[^\s;"]*))?/.exec(text) ?? []
    const key = name.toLowerCase()
    if (key !== '' && !found.has(key)) found.set(key, value.replace(/^"|"$/g, ''))
  }
  return found
}
