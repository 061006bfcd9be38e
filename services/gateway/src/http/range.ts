/** First and last byte, inclusive. */
export type Span = { start: number; end: number }

/** A client that asks for more parts than this gets the whole (RFC 9110 section 14.2 allows it). */
const maxParts = 16

/**
 * Reads a `Range` field against a body of `size` bytes (RFC 9110 section 14.2). `null`: send the whole;
 * `unsatisfiable`: 416. Ranges that overlap or touch become one; those outside the body are left out while another one
 * is inside.
 *
 * An unknown unit or bad syntax is 416 as well: the RFC lets a server ignore them, but mort refuses, and its clients
 * test for it.
 */
export function selectRanges(field: string, size: number): Span[] | 'unsatisfiable' | null {
  if (field.length > maxFieldLength) return null
  const specs = /^bytes=([\d\s,-]+)$/i.exec(field.trim())?.[1]?.split(',') ?? []
  const spans: Span[] = []
  for (const spec of specs) {
    if (spec.trim() === '') continue
    const range = parseSpec(spec)
    if (!range) return 'unsatisfiable'
    const span = toSpan(range, size)
    if (span) spans.push(span)
  }
  if (spans.length === 0) return 'unsatisfiable'
  const merged = merge(spans)
  return merged.length > maxParts ? null : merged
}

const maxFieldLength = 1024

type Range = { start: number; end?: number } | { suffix: number }

function parseSpec(spec: string): Range | null {
  const match = /^(?:(\d{1,15})-(\d{1,15})?|-(\d{1,15}))$/.exec(spec.trim())
  if (!match) return null
  const [, start, end, suffix] = match
  if (suffix !== undefined) return { suffix: Number(suffix) }
  if (end === undefined) return { start: Number(start) }
  return Number(end) < Number(start) ? null : { start: Number(start), end: Number(end) }
}

function toSpan(range: Range, size: number): Span | null {
  const start = 'suffix' in range ? (range.suffix === 0 ? size : Math.max(0, size - range.suffix)) : range.start
  const end = 'suffix' in range ? size - 1 : Math.min(range.end ?? size - 1, size - 1)
  return start <= end ? { start, end } : null
}

function merge(spans: Span[]): Span[] {
  const merged: Span[] = []
  for (const span of spans.toSorted((a, b) => a.start - b.start)) {
    const last = merged.at(-1)
    if (last && span.start <= last.end + 1) last.end = Math.max(last.end, span.end)
    else merged.push({ ...span })
  }
  return merged
}

/** One range that can be passed to a storage before the size is known; `null` when there are several, or it is odd. */
export function singleRange(field: string): Range | null {
  const spec = /^bytes=([^,]+)$/i.exec(field.trim())?.[1]
  return spec === undefined ? null : parseSpec(spec)
}

export function contentRange({ start, end }: Span, size: number): string {
  return `bytes ${start}-${end}/${size}`
}

/** The parts of a `multipart/byteranges` body (section 14.6) and its length in bytes. */
export function layOutParts(
  spans: Span[],
  { size, contentType, boundary }: { size: number; contentType: string; boundary: string },
) {
  const parts = spans.map((span, index) => ({
    span,
    head: Buffer.from(
      `${index === 0 ? '' : '\r\n'}--${boundary}\r\nContent-Type: ${contentType}\r\nContent-Range: ${contentRange(span, size)}\r\n\r\n`,
    ),
  }))
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`)
  const length = parts.reduce(
    (sum, { head, span }) => sum + head.byteLength + span.end - span.start + 1,
    tail.byteLength,
  )
  return { parts, tail, length }
}
