import type { Plan, Resolution } from '@mortise/plan'
import type { RequestFields } from './http/conditional.ts'
import type { Fields } from './http/fields.ts'

export type DebugDeps = {
  /** `security.debugHeaders` */
  allowed: boolean
  version: string
  /** The kind of a storage by its name in a Plan; throws for one that is not configured. */
  kindOf(storage: string): string
}

/** mort's header `X-Mort-Debug`: what an answer was made from. Nothing is built unless a request asks. */
export type Debug = {
  asked(fields: RequestFields): boolean
  /** Response fields. The answer is not to be cached by anybody: without the header it is another. */
  describe(resolution: Resolution | undefined): Fields
}

/** Characters of the JSON; transforms beyond it are left out. */
const maxJson = 4096

export function createDebug({ allowed, version, kindOf }: DebugDeps): Debug {
  const kind = (name: string, storage: string): Fields => {
    try {
      return { [name]: kindOf(storage) }
    } catch {
      return {}
    }
  }
  return {
    asked: fields => allowed && Boolean(fields['x-mort-debug']),
    describe(resolution) {
      const common = { 'cache-control': 'no-cache', 'x-mort-version': `mortise ${version}` }
      if (resolution?.kind === 'object') {
        const { storage, key } = resolution.object
        return { ...common, 'x-mort-key': printable(key), ...kind('x-mort-storage', storage) }
      }
      if (resolution?.kind !== 'derivative') return common
      const { original, derivative } = resolution.plan
      return {
        ...common,
        'x-mort-key': printable(derivative.key),
        ...kind('x-mort-storage', derivative.storage),
        'x-mort-transform': 'true',
        'x-mort-transform-json': printTransforms(resolution.plan),
        'x-mort-parent-key': printable(original.key),
        'x-mort-parent-bucket': printable(original.bucket),
        ...kind('x-mort-parent-storage', original.storage),
      }
    },
  }
}

type Step = Plan['passes'][number][number]
type Transform = Record<string, unknown>

/**
 * One object for each pass, the last one with the output, under the names that mort gives these things; in alphabetical
 * order. What mort has no name for is under the name of its operation.
 */
export function printTransforms({ id, passes, output }: Pick<Plan, 'id' | 'passes' | 'output'>): string {
  const transforms: Transform[] = passes.map(steps => Object.assign({}, ...steps.map(describeStep)))
  const { format, quality, progressive, metadata } = output
  const last = transforms.pop() ?? {}
  const end = { format, quality: quality ?? 0, interlace: progressive, stripMetada: metadata === 'strip', hash: id }
  const texts: string[] = []
  let length = 2
  for (const transform of [...transforms, { ...last, ...end }]) {
    const text = JSON.stringify(Object.fromEntries(Object.entries(transform).sort(([a], [b]) => (a < b ? -1 : 1))))
    length += text.length + 1
    if (length <= maxJson) texts.push(text)
  }
  return `[${texts.join(',')}]`.replace(
    /[^\x20-\x7e]/g,
    char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

const fits = {
  stretch: { force: true },
  inside: { preserveAspectRatio: true },
  keep: { preserveAspectRatio: true },
  cover: { fill: true },
}

function describeStep(step: Step): Transform {
  const { op, ...args } = step
  switch (step.op) {
    case 'resize':
      return { width: step.width, height: step.height, enlarge: step.enlarge, ...fits[step.fit] }
    case 'crop':
      return { ...args, crop: true }
    case 'pad':
      return { ...args, embed: true }
    case 'extract':
      return { areaWidth: step.width, areaHeight: step.height, left: step.left, top: step.top }
    case 'resizeCropAuto':
      return { autoCropWidth: step.width, autoCropHeight: step.height }
    case 'rotate':
      return { rotate: step.angle }
    case 'grayscale':
      return { interpretation: 'b-w' }
    case 'watermark':
      // Which image: a preset may name a file of the machine, or a URL with a secret in it.
      return { watermark: { column: step.column, row: step.row, opacity: step.opacity } }
    default:
      return { [op]: args }
  }
}

/** As it can stand in a field: what is not ASCII is percent-encoded. */
function printable(text: string): string {
  return text.toWellFormed().replace(/[^\x20-\x7e]+/g, encodeURIComponent)
}
