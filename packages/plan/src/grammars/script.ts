import type { BucketConfig, Filters, TransformConfig } from '@mortise/config'
import { MortiseError } from '@mortise/errors'
import { z } from 'zod'
import { storableKey } from '../result-key.ts'
import type { ScriptEngine } from '../script/engine.ts'
import { recordCalls } from '../script/record-calls.ts'
import type { Grammar } from './grammar.ts'
import { groupsOf, parentPath } from './path.ts'

export type ScriptOptions = {
  bucket: BucketConfig & { transform: TransformConfig & { script: { source: string } } }
  engine: ScriptEngine
}

/** A JavaScript module that reads URLs, in place of mort's `tengo` kind: see docs/from-tengo-to-script.md. */
export function createScriptGrammar({ bucket, engine }: ScriptOptions): Grammar {
  const { transform } = bucket
  const { path, script, checkParent } = transform
  const match = path ? groupsOf(path, Object.keys(path.namedGroups())) : () => null
  const bucketConfig = describe(bucket)
  const keptKey = storableKey('path', bucket)
  return ({ key, query }) => {
    const url = {
      path: `/${bucket.name}${key}`,
      rawquery: query.raw,
      query: Object.fromEntries(query.names().map(name => [name, query.all(name)])),
      scheme: '',
      host: '',
    }
    const obj = { uri: url, bucket: bucket.name, key, allowChangeKey: true, checkParent }
    const input = JSON.stringify({ url, bucketConfig, obj })
    const answer = readAnswer(engine.run({ source: script.source, input, match: text => match(text) ?? {} }))
    if (answer.err !== undefined) throw new MortiseError('invalid_request', `script: ${answer.err.slice(0, 200)}`)
    if (!answer.parent) return null
    return {
      sets: [recordCalls(answer.calls)],
      parent: parentPath('', answer.parent),
      checkParent: answer.checkParent,
      ...(answer.allowChangeKey ? {} : { resultKey: keptKey }),
    }
  }
}

/** What a script did, as the engine handed it out: none of it is proven before this. */
const answerSchema = z.object({
  parent: z.string().max(8192).nullish(),
  err: z.string().optional(),
  calls: z.array(z.tuple([z.string()], z.unknown())).max(64),
  allowChangeKey: z.boolean(),
  checkParent: z.boolean(),
})

function readAnswer(text: string): z.infer<typeof answerSchema> {
  const result = answerSchema.safeParse(parse(text))
  if (result.success) return result.data
  const issue = result.error.issues[0]
  throw new MortiseError('invalid_request', `script: ${issue?.path.join('.')}: ${issue?.message}`, { operators: true })
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new MortiseError('invalid_request', 'script: its answer is no JSON', { cause: error, operators: true })
  }
}

/** The bucket as a script sees it. Its keys are nobody's business there. */
function describe({ name, headers, transform }: ScriptOptions['bucket']) {
  const { path, parentStorage, parentBucket, kind, presets } = transform
  return {
    name,
    headers,
    transform: {
      path: path?.pattern() ?? '',
      parentStorage,
      parentBucket: parentBucket ?? '',
      kind,
      presets: Object.fromEntries(
        Object.entries(presets).map(([preset, { quality, format, filters }]) => [
          preset,
          { quality, format, filters: describeFilters(filters) },
        ]),
      ),
    },
  }
}

/** What is absent is undefined in a script. */
function describeFilters(filters: Filters) {
  const present = Object.entries(filters).filter(([, value]) => value !== null)
  return { ...Object.fromEntries(present), autoRotate: false }
}
