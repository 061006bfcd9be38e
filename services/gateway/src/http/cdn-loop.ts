/** Our name in `CDN-Loop` (RFC 8586), which the fetching of watermarks sends. */
const own = 'mortise'

/** Whether a request comes from a Mortise that fetches a watermark. The field is a list; each entry may have parameters. */
export function comesFromMortise(field: string | string[] | undefined): boolean {
  const entries = String(field ?? '').split(',')
  return entries.some(entry => entry.split(';', 1)[0]?.trim().toLowerCase() === own)
}
