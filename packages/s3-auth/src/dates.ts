const dayMs = 86_400_000

/** `20130524T000000Z`, in milliseconds; `null` for any other form. */
export function parseAmzDate(text: string): number | null {
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text)
  if (!parts) return null
  const [, year, month, day, hour, minute, second] = parts
  return parseIso(`${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`)
}

/** `Fri, 24 May 2013 00:00:00 GMT` or with `+0000`, and the form of `parseAmzDate`. */
export function parseHttpDate(text: string): number | null {
  const shape = /^(?:[A-Z][a-z]{2}, )?\d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d (?:GMT|UTC|[+-]\d{4})$/
  if (!shape.test(text)) return parseAmzDate(text)
  const ms = Date.parse(text)
  return Number.isNaN(ms) ? null : ms
}

/** `2013-05-24T00:00:00.000Z`, with or without the milliseconds. */
export function parseIso(text: string): number | null {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/.test(text)) return null
  const ms = Date.parse(text)
  // A 31st of February would be a day in March.
  return Number.isNaN(ms) || new Date(ms).toISOString().slice(0, 19) !== text.slice(0, 19) ? null : ms
}

/** `20130524T000000Z`. */
export function formatAmzDate(ms: number): string {
  return new Date(ms).toISOString().replace(/[-:]|\.\d{3}/g, '')
}

/** Seven days: the longest life of what is signed in advance. */
export const maxExpiresSeconds = (7 * dayMs) / 1000

/** How far the clocks of client and server may be apart, in milliseconds. */
export const maxSkewMs = 15 * 60 * 1000
