import type { Report } from '../report.ts'
import type { GlacierConfig } from '../types.ts'
import { optionalSection } from './section.ts'
import { bool, int, type Output, text } from './setting.ts'

export const glacier = optionalSection(
  {
    enabled: bool('Restore archived originals when they are asked for.'),
    restoreTier: text('Expedited, Standard or Bulk.', 'Standard'),
    restoreDays: int('Days that a restored original stays, 1 to 30.', { default: 3, unset: [0] }),
    retryAfterSeconds: int('Sent as `Retry-After`; 0 = 300, 14400 or 43200, by tier.', { min: 0 }),
  },
  'Originals in an archive of S3.',
)

type GlacierSection = NonNullable<Output<typeof glacier>>

export function checkGlacier({ restoreTier, restoreDays }: GlacierSection, report: Report): void {
  if (!isTier(restoreTier)) {
    report.mistake(['restoreTier'], `expected Expedited, Standard or Bulk, found ${JSON.stringify(restoreTier)}`)
  }
  if (restoreDays < 1 || restoreDays > 30) {
    report.mistake(['restoreDays'], `expected a whole number from 1 to 30, found ${restoreDays}`)
  }
}

export function resolveGlacier({
  enabled,
  restoreTier,
  restoreDays,
  retryAfterSeconds,
}: GlacierSection): GlacierConfig {
  const tier = isTier(restoreTier) ? restoreTier : 'Standard'
  return { enabled, restoreTier: tier, restoreDays, retryAfterSeconds: retryAfterSeconds || retryAfter[tier] }
}

/** Seconds. */
const retryAfter = { Expedited: 300, Standard: 14_400, Bulk: 43_200 }

function isTier(text: string): text is keyof typeof retryAfter {
  return Object.hasOwn(retryAfter, text)
}
