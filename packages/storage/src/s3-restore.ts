import type { RestoreOptions } from './storage.ts'

/** The body of RestoreObject. Numbers and words of our own: nothing in it needs escaping. */
export function printRestore({ days, tier }: Pick<RestoreOptions, 'days' | 'tier'>): string {
  const forDays = days === null ? '' : `<Days>${days}</Days>`
  const job = `<GlacierJobParameters><Tier>${tier}</Tier></GlacierJobParameters>`
  return `<RestoreRequest xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${forDays}${job}</RestoreRequest>`
}

/** Refusals that say that it is on its way, or has come, already. */
export const restoredCodes = new Set(['RestoreAlreadyInProgress', 'ObjectAlreadyInActiveTierError'])
