import { hash } from 'node:crypto'
import { printStep } from '@mortise/operations'
import type { Location, Plan } from './types.ts'

/**
 * Raised when the same plan would give other pixels than before (another encoder default, say): every derivative that
 * is stored is then made anew.
 */
const generation = 1

/** Everything that decides what the bytes are, as canonical text. */
export function printContent({ original, passes, output }: Pick<Plan, 'original' | 'passes' | 'output'>): string {
  const { format, quality, progressive, metadata } = output
  return [
    `mortise ${generation}`,
    printLocation('original', original),
    ...passes.map(pass => `pass ${pass.map(printStep).join(' ')}`),
    `output ${format} ${quality ?? '-'} ${progressive} ${metadata}`,
  ].join('\n')
}

export function printLocation(name: string, { storage, bucket, key }: Location): string {
  // JSON text, because a key may hold spaces.
  return `${name} ${JSON.stringify([storage, bucket, key])}`
}

/** 32 hex digits. */
export function digest(text: string): string {
  return hash('sha256', text, 'hex').slice(0, 32)
}
