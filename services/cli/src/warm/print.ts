import type { WarmFailure, WarmOrder, WarmProgress } from '@mortise/warm'

/** How far it is, in one line. */
export function printProgress(progress: WarmProgress): string {
  const { done, found, counted, made, skipped, failed, missing, rate, remaining } = progress
  const parts = [
    `${done} of ${found}${counted ? '' : ' or more'}`,
    missing > 0 ? `${missing} missing` : `${made} made`,
    `${skipped} there`,
    ...(failed > 0 ? [`${failed} failed`] : []),
    `${rate}/s`,
    ...(remaining === null ? [] : [`${printSeconds(remaining)} left`]),
  ]
  return parts.join(', ')
}

/** What came of it, in a few lines. `stays`: what is queued will be made by others. */
export function printEnd(progress: WarmProgress, { dryRun }: WarmOrder, stays: boolean): string {
  const { state, error, done, found, queued, made, skipped, failed, missing, ignored, dropped, seconds } = progress
  const { counted, failures } = progress
  const lines = [
    ...(state === 'cancelled' ? [`interrupted after ${done} of ${found}${counted ? '' : ' or more'}`] : []),
    ...(error ? [`stopped after ${done} of ${found}: ${error.code}: ${error.message}`] : []),
    `${done} objects in ${printSeconds(seconds)}`,
    dryRun
      ? `${missing} derivatives are missing, ${skipped} are there`
      : `${made} derivatives made, ${skipped} were there`,
    ...(ignored > 0 ? [`${ignored} objects are no pictures, or nothing is made of them`] : []),
    ...(dropped > 0 ? [`${dropped} were replaced meanwhile`] : []),
    ...(failed > 0 ? [`${failed} derivatives could not be made:`, ...printFailures(failures, failed)] : []),
  ]
  if (state === 'done') return lines.join('\n')
  const left = stays && queued > 0 ? [`${queued} originals are queued, and will be done all the same`] : []
  return [...lines, ...left, 'the same command goes on from there'].join('\n')
}

function printFailures(failures: WarmFailure[], failed: number): string[] {
  const lines = failures.map(
    ({ key, code, message, derivatives }) =>
      `  ${oneLine(key)}: ${code}: ${oneLine(message)}${derivatives > 1 ? ` (${derivatives} derivatives)` : ''}`,
  )
  const shown = failures.reduce((sum, { derivatives }) => sum + derivatives, 0)
  return shown < failed ? [...lines, `  and ${failed - shown} more`] : lines
}

/** Names come from elsewhere, and this goes to a terminal. */
function oneLine(text: string): string {
  return text.replace(/\p{Cc}/gu, '?')
}

/** `48 s`, `12 min`, `3 h 20 min`. */
export function printSeconds(seconds: number): string {
  if (seconds < 120) return `${Math.ceil(seconds)} s`
  const minutes = Math.ceil(seconds / 60)
  if (minutes < 120) return `${minutes} min`
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
