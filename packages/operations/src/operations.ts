import { z } from 'zod'
import { blur } from './blur.ts'
import { crop } from './crop.ts'
import { extract } from './extract.ts'
import { grayscale } from './grayscale.ts'
import type { Operation } from './operation.ts'
import { pad } from './pad.ts'
import { resize } from './resize.ts'
import { resizeCropAuto } from './resize-crop-auto.ts'
import { rotate } from './rotate.ts'
import { watermark } from './watermark.ts'

export { type Frame, type Operation, type Overlay, type Overlays, places, type Size } from './operation.ts'

/** What a derivative can be saved as, in the order of preference when nothing else decides. */
export const formats = ['jpeg', 'png', 'webp', 'avif', 'tiff', 'gif'] as const
export type Format = (typeof formats)[number]

const all = { blur, crop, extract, grayscale, pad, resize, resizeCropAuto, rotate, watermark }
type ArgsOf<O> = O extends Operation<infer Args> ? Args : never
type ArgsByName = { [N in keyof typeof all]: ArgsOf<(typeof all)[N]> }

/** Every operation by the name that a step carries in `op`. */
export const operations: { [N in keyof typeof all]: Operation<ArgsByName[N]> } = all

/** One operation with its arguments: `{ op: 'blur', sigma: 2, minAmplitude: 0 }`. */
export type Step = { [N in keyof ArgsByName]: { op: N } & ArgsByName[N] }[keyof ArgsByName]

/** Unknown operations, missing, unknown and impossible arguments are refused. */
export const stepSchema = z.discriminatedUnion('op', namedSchemas()) as unknown as z.ZodType<Step>

/** Canonical text: equal for steps that have the same effect, different for all others. */
export function printStep(step: Step): string {
  return `${step.op}(${operationOf(step).print(step)})`
}

export type OperationDescription = {
  name: string
  description: string /** As {@link printStep} says it. */
  example: string
}

/** Every operation, for the reference, by name. */
export function describeOperations(): OperationDescription[] {
  return Object.entries(operations)
    .map(([name, { description, example }]) => ({
      name,
      description,
      example: printStep({ op: name, ...example } as Step),
    }))
    .toSorted((one, other) => (one.name < other.name ? -1 : 1))
}

/** The operation of a step, which takes that step as its arguments. */
export function operationOf(step: Step): Operation<Step> {
  // The compiler cannot see through the union that both sides carry the same name.
  return operations[step.op] as unknown as Operation<Step>
}

// Every schema of an operation is a strict object, and stays one with its name.
function namedSchemas() {
  const named = Object.entries(all).map(([op, { schema }]) => {
    return (schema as unknown as z.ZodObject).extend({ op: z.literal(op) })
  })
  return named as unknown as [z.ZodObject, ...z.ZodObject[]]
}
