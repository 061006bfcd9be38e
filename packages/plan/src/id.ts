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
  const { format, quality, progressive, metadata, still } = output
  return [
    `mortise ${generation}`,
    printLocation('original', original),
    ...passes.map(pass => `pass ${pass.map(printStep).join(' ')}`),
    `output ${format} ${quality ?? '-'} ${progressive} ${metadata}${still ? ' still' : ''}`,
  ].join('\n')
}

/** The id of a plan: what it is called in the queue, and by the derivative that it makes. */
export function planId(plan: Omit<Plan, 'id'>, content = printContent(plan)): string {
  return digest(`${content}\n${printLocation('derivative', plan.derivative)}`)
}

/** 32 hex digits. */
export function digest(text: string): string {
  return hash('sha256', text, 'hex').slice(0, 32)
}

function printLocation(name: string, { storage, bucket, key }: Location): string {
  // JSON text, because a key may hold spaces.
  return `${name} ${JSON.stringify([storage, bucket, key])}`
}
