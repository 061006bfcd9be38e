import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import {
  describeOperations,
  type Frame,
  type Overlays,
  operationOf,
  operations,
  printStep,
  type Step,
  stepSchema,
} from './operations.ts'

const frame = (width: number, height: number): Frame => ({ width, height, pages: 1 })
const after = (from: Frame, step: Step) => operationOf(step).resize(from, step)

const marks = ['https://example.org/mark.png', 'file:/srv/mark.png']
const overlays: Overlays = new Map(
  marks.map((name, index) => [name, { width: 30, height: 7 + index, pixels: new Uint8Array(30 * (7 + index) * 4) }]),
)

const side = fc.integer({ min: 0, max: 60 })
const third = fc.constantFrom(0 as const, 1 as const, 2 as const)
const minAmplitude = fc.constantFrom(0, 0.0005, 0.01, 1, 2)
const steps: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ op: fc.constant('rotate' as const), angle: fc.constantFrom(90 as const, 180 as const, 270 as const) }),
  fc.record({
    op: fc.constant('resize' as const),
    width: side,
    height: side,
    fit: fc.constantFrom('stretch' as const, 'inside' as const, 'keep' as const, 'cover' as const),
    enlarge: fc.boolean(),
  }),
  fc.record({
    op: fc.constant('crop' as const),
    width: side,
    height: side,
    gravity: fc
      .constantFrom('smart', 'center', 'north', 'south', 'east', 'west', 'northeast')
      .map(gravity => gravity as 'smart'),
    enlarge: fc.boolean(),
  }),
  fc.record({
    op: fc.constant('extract' as const),
    left: fc.integer({ min: -3, max: 60 }),
    top: fc.integer({ min: -3, max: 60 }),
    width: side,
    height: side,
  }),
  fc.record({ op: fc.constant('blur' as const), sigma: fc.constantFrom(0.01, 0.3, 1.5, 7, 100), minAmplitude }),
  fc.constant({ op: 'grayscale' as const }),
  fc.record({
    op: fc.constant('pad' as const),
    width: fc.integer({ min: 1, max: 60 }),
    height: fc.integer({ min: 1, max: 60 }),
    gravity: fc.constantFrom('center', 'north', 'east', 'southwest').map(gravity => gravity as 'center'),
    background: fc.constantFrom('#ffffffff', '#00ff0080', '#00000000'),
  }),
  fc.record({
    op: fc.constant('watermark' as const),
    image: fc.constantFrom(...marks),
    column: third,
    row: third,
    opacity: fc.constantFrom(1, 0.5, 0.001),
  }),
  fc.record({
    op: fc.constant('resizeCropAuto' as const),
    width: fc.integer({ min: 1, max: 60 }),
    height: fc.integer({ min: 1, max: 60 }),
  }),
)
const frames = fc.record({ width: fc.integer({ min: 1, max: 60 }), height: fc.integer({ min: 1, max: 60 }) })

/** The first step with every second argument of the other one. */
function mixed(one: Step, other: Step): Step {
  const taken = Object.entries(other).filter((_entry, index) => index % 2 === 0)
  return { ...one, ...Object.fromEntries(taken) } as Step
}

const dashed = (name: string) => name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)

describe('every operation', () => {
  it('takes its own step and gives it back', () => {
    fc.assert(
      fc.property(steps, step => {
        expect(stepSchema.parse(JSON.parse(JSON.stringify(step)))).toEqual(step)
      }),
    )
  })

  it('prints a step that went through JSON as before', () => {
    fc.assert(
      fc.property(steps, step => printStep(stepSchema.parse(JSON.parse(JSON.stringify(step)))) === printStep(step)),
    )
  })

  it('gives steps with equal text the same effect on every image', () => {
    const effect = (step: Step, size: { width: number; height: number }) => {
      try {
        return after({ ...size, pages: 1 }, step)
      } catch (error) {
        return (error as Error).message
      }
    }
    const pairs = fc.tuple(steps, steps).map(([one, other]) => [one, one.op === other.op ? mixed(one, other) : other])
    fc.assert(
      fc.property(pairs, frames, ([one, other], size) => {
        if (one && other && printStep(one) === printStep(other)) expect(effect(one, size)).toEqual(effect(other, size))
      }),
      { numRuns: 5000 },
    )
  })

  it('makes an image of the size that it told', async () => {
    await fc.assert(
      fc.asyncProperty(steps, frames, async (step, { width, height }) => {
        const start = frame(width, height)
        let told: Frame
        try {
          told = after(start, step)
        } catch (error) {
          expect(error).toMatchObject({ code: 'invalid_request' })
          return
        }
        const image = sharp({ create: { width, height, channels: 3, background: '#369' } })
        operationOf(step).apply(image, step, start, overlays)
        const { info } = await image.raw().toBuffer({ resolveWithObject: true })
        expect({ width: info.width, height: info.height }).toEqual({ width: told.width, height: told.height })
      }),
      { numRuns: 400 },
    )
  })

  it('has an example that is a step, and that tells its operation', () => {
    for (const [name, { example }] of Object.entries(operations)) {
      expect(stepSchema.parse({ op: name, ...example })).toEqual({ op: name, ...example })
    }
    expect(describeOperations().map(({ name }) => name)).toEqual(Object.keys(operations).toSorted())
    expect(describeOperations()[0]).toMatchObject({ name: 'blur', example: 'blur(2.5)' })
  })

  it('is one file and one line', () => {
    const entry = readFileSync(new URL('./operations.ts', import.meta.url), 'utf8')
    for (const name of Object.keys(operations))
      expect(entry).toContain(`import { ${name} } from './${dashed(name)}.ts'`)
  })
})

const aMark = {
  op: 'watermark' as const,
  image: 'https://example.org/a b".png',
  column: 1,
  row: 2,
  opacity: 0.5,
} as const

describe('a step', () => {
  it.each([
    ['of an operation that does not exist', { op: 'sharpen' }],
    ['without an argument', { op: 'resize', width: 10, height: 0, fit: 'inside' }],
    ['with one argument too many', { op: 'rotate', angle: 90, background: '#fff' }],
    ['with another angle', { op: 'rotate', angle: 45 }],
    ['with a negative size', { op: 'crop', width: -1, height: 2, gravity: 'smart', enlarge: false }],
    ['with part of a pixel', { op: 'crop', width: 1.5, height: 2, gravity: 'smart', enlarge: false }],
    ['with a watermark that is no address', { ...aMark, image: '../mark.png' }],
    ['with a watermark in the fourth third', { ...aMark, column: 3 }],
    ['with a watermark that nobody can see', { ...aMark, opacity: 0 }],
    ['with a watermark of more than all', { ...aMark, opacity: 1.01 }],
    ['with no width to cover', { op: 'resizeCropAuto', width: 0, height: 2 }],
    ['with no height to fill up to', { op: 'pad', width: 1, height: 0, gravity: 'center', background: '#ffffffff' }],
    ['with a colour by its name', { op: 'pad', width: 1, height: 1, gravity: 'center', background: 'red' }],
    ['with no sigma at all', { op: 'blur', sigma: 0, minAmplitude: 0 }],
    ['with a sigma that is not a number', { op: 'blur', sigma: Number.NaN, minAmplitude: 0 }],
    ['with a sigma over 100', { op: 'blur', sigma: 100.1, minAmplitude: 0 }],
  ])('%s is refused', (_name, step) => {
    expect(stepSchema.safeParse(step).success).toBe(false)
  })

  it.each<[Step, string]>([
    [{ op: 'resize', width: 200, height: 100, fit: 'cover', enlarge: true }, 'resize(200x100 cover enlarge)'],
    [{ op: 'resize', width: 200, height: 0, fit: 'cover', enlarge: false }, 'resize(200x0)'],
    [{ op: 'resize', width: 0, height: 0, fit: 'inside', enlarge: true }, 'resize()'],
    [{ op: 'crop', width: 20, height: 10, gravity: 'north', enlarge: true }, 'crop(20x10 north enlarge)'],
    [{ op: 'crop', width: 20, height: 0, gravity: 'smart', enlarge: true }, 'crop(20x0 smart)'],
    [{ op: 'extract', left: 1, top: 2, width: 3, height: 0 }, 'extract(3x0 at 1,2)'],
    [{ op: 'extract', left: 1, top: 2, width: 0, height: 0 }, 'extract()'],
    [{ op: 'blur', sigma: 1.5, minAmplitude: 5 }, 'blur(1.5)'],
    [{ op: 'blur', sigma: 1.5, minAmplitude: 0.1 }, 'blur(1.5 0.1)'],
    [{ op: 'blur', sigma: 0.2, minAmplitude: 0.1 }, 'blur()'],
    [{ op: 'rotate', angle: 270 }, 'rotate(270)'],
    [{ op: 'grayscale' }, 'grayscale()'],
    [aMark, 'watermark("https://example.org/a b\\".png" at 1,2 0.5)'],
    [{ op: 'resizeCropAuto', width: 20, height: 10 }, 'resizeCropAuto(20x10)'],
    [{ op: 'pad', width: 20, height: 10, gravity: 'north', background: '#ff000080' }, 'pad(20x10 north #ff000080)'],
  ])('%j is printed as %s', (step, text) => {
    expect(printStep(step)).toBe(text)
  })
})
