/**
 * For how many seconds a response with this `Cache-Control` may be kept here (RFC 9111 section 5.2.2); 0 for not at all.
 * As in mort it needs a `max-age`; in contrast to mort, `no-store`, `no-cache` and `private` beside it are obeyed.
 */
export function freshnessLifetime(field: string): number {
  if (/(?:^|[\s,])(?:no-store|no-cache|private)(?:$|[\s,=])/i.test(field)) return 0
  const match = /(?:^|[\s,])max-age="?(\d{1,10})"?(?:$|[\s,])/i.exec(field)
  return match ? Number(match[1]) : 0
}
