import type { Output, Pass } from '@mortise/plan'

export type RenderRequest = {
  /** The original. Its ArrayBuffer is transferred: it is empty here afterwards. */
  bytes: Uint8Array<ArrayBuffer>
  passes: Pass[]
  output: Output
  /**
   * The files of the images that steps lay over this one, by the name in the step. They stay whole, so that several
   * renders can share one. One that is missing is a bug of the caller's: `internal`.
   */
  overlays?: ReadonlyMap<string, Uint8Array>
  /** Aborted: a render that has not started is dropped; one that has is ended at the next step. */
  signal: AbortSignal
}

export type Rendered = {
  bytes: Uint8Array<ArrayBuffer>
  contentType: string
  /** First 32 hex digits of the SHA-256 of the bytes. */
  etag: string
  /** px; of one frame when animated */
  width: number
  height: number
}

export type RenderAllRequest = {
  /** As in {@link RenderRequest}. */
  bytes: Uint8Array<ArrayBuffer>
  variants: Pick<RenderRequest, 'passes' | 'output' | 'overlays'>[]
  signal: AbortSignal
  /**
   * Called for each, in any order, when it is there or has failed. The next is not begun before its promise ends, so
   * that a slow storage bounds what is in memory; a rejection ends the request.
   */
  onEnd(index: number, result: RenderResult): Promise<void>
}

export type RenderResult = { ok: true; rendered: Rendered } | { ok: false; error: unknown }

/** Limits of a render; every one refuses with `limit_exceeded` unless it says otherwise. */
export type ImageLimits = {
  /** width x height x frames of the original, counting the frames that are read, and of what a step makes on the way */
  inputPixels: number
  /** px, either side of a derivative */
  outputSide: number
  /** width x height x frames of a derivative */
  outputPixels: number
  /** width x height of an AVIF, whose encoder cannot be interrupted */
  avifPixels: number
  /** Seconds (whole) of processing, over all pipelines of a render; then `timed_out`. */
  renderSeconds: number
  /** Bytes of pixels and files in flight over all renders, estimated from the headers. A render waits for its share. */
  memory: number
}

export type ImagePool = AsyncDisposable & {
  /**
   * Throws `undecodable`, `invalid_request` (a step that this image does not allow, an overlay that is too large),
   * `limit_exceeded`, `timed_out`, `overloaded` when the pool is closing or stuck, or `signal.reason`. Waits for a free
   * thread and for its share of memory; the caller bounds how many wait.
   */
  render(request: RenderRequest): Promise<Rendered>
  /**
   * Several derivatives of one original, which is decoded once where that shows no difference. Background work: it holds
   * at most one thread, and gives way to `render` at every step. One that fails does so alone, as it would by `render`,
   * unless the original cannot be decoded. Throws `overloaded` when the pool is closing or stuck, `signal.reason`, and
   * what `onEnd` throws; then the rest is not told of.
   */
  renderAll(request: RenderAllRequest): Promise<void>
  stats(): ImageStats
  /**
   * Lets running renders settle, `graceMs` at most (absent: as long as a render may take). `false`: native work goes on,
   * and only the end of the process ends it. Idempotent; the first call's grace holds.
   */
  close(graceMs?: number): Promise<boolean>
}

export type ImageStats = {
  threads: number
  /** Renders running now; never above `threads`. */
  running: number
  /** Renders waiting for a thread or for memory. */
  waiting: number
  /** Those among them of `renderAll`. */
  background: { running: number; waiting: number }
  /** Estimated bytes in flight. */
  memory: number
}
