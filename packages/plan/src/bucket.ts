import type { BucketConfig, TransformConfig, TransformKind } from '@mortise/config'
import { MortiseError } from '@mortise/errors'
import { createBase64PresetsGrammar } from './grammars/base64-presets.ts'
import { createCloudinaryGrammar } from './grammars/cloudinary.ts'
import { type Grammar, warnOfQuery } from './grammars/grammar.ts'
import { createPresetsGrammar } from './grammars/presets.ts'
import { createPresetsQueryGrammar } from './grammars/presets-query.ts'
import { createQueryGrammar } from './grammars/query.ts'
import { createScriptGrammar } from './grammars/script.ts'
import { longestName, type ResultKey, storableKey } from './result-key.ts'
import type { ScriptEngine } from './script/engine.ts'
import type { Compat } from './steps.ts'

/** A bucket of the configuration, ready to read requests. */
export type CompiledBucket = {
  name: string
  /** `null`: all of it is objects as they are stored. */
  kind: TransformKind | null
  /** Reads one request; objects without a transform give `null`. */
  parse: Grammar
  /** The name, in this bucket's `storages`, of the storage that holds the parents. */
  parentStorage: string
  resultKey: ResultKey
  /** What a reader of the configuration calls it. */
  resultName: ResultKey
  /** Bytes of UTF-8 between two slashes in the key of a derivative. */
  maxNameBytes: number
  checkParent: boolean
  keepFormat: boolean
  compat: Compat
}

type Compile = (transform: TransformConfig, bucket: BucketConfig, engine: ScriptEngine | null) => Grammar

/** One line for each `transform.kind`. */
const grammars: Record<TransformConfig['kind'], Compile> = {
  query: ({ parentBucket }, { name }) => createQueryGrammar({ bucket: name, parentBucket }),
  presets: transform => createPresetsGrammar(withPath(transform)),
  'presets-query': (transform, { name }) => createPresetsQueryGrammar({ bucket: name, ...withPath(transform) }),
  base64_presets: transform => createBase64PresetsGrammar(withPath(transform)),
  cloudinary: transform => createCloudinaryGrammar(withPath(transform)),
  script: (transform, bucket, engine) => createScriptGrammar(withScript(transform, bucket, engine)),
  tengo: () => refuseTengo,
}

export function compileBucket(bucket: BucketConfig, engine: ScriptEngine | null): CompiledBucket {
  const { name, transform } = bucket
  if (!transform) return { ...untransformed, name }
  const { kind, parentStorage, checkParent, keepFormat, compat } = transform
  const parse = grammars[kind](transform, bucket, engine)
  return {
    name,
    kind,
    parse,
    parentStorage,
    resultKey: resultKeyOf(transform, bucket),
    resultName: nameResultKey(transform, bucket),
    maxNameBytes: longestName(bucket),
    checkParent,
    keepFormat,
    compat,
  }
}

const untransformed: Omit<CompiledBucket, 'name'> = {
  kind: null,
  parse(request) {
    warnOfQuery(request, 'the bucket has no transform')
    return null
  },
  parentStorage: 'basic',
  resultKey: 'path',
  resultName: 'path',
  maxNameBytes: Number.POSITIVE_INFINITY,
  checkParent: false,
  keepFormat: false,
  compat: [],
}

/** The word of the setting, though `hash` and `hashParent` are digests of ours; `digest` where another one has no effect. */
export function nameResultKey(transform: TransformConfig, bucket: Pick<BucketConfig, 'storages'>): ResultKey {
  const { resultKey, mortKeys } = transform
  return mortKeys || resultKey === 'path' ? resultKeyOf(transform, bucket) : resultKey
}

function resultKeyOf({ resultKey, mortKeys }: TransformConfig, bucket: Pick<BucketConfig, 'storages'>): ResultKey {
  return storableKey(mortKeys || resultKey === 'path' ? resultKey : 'digest', bucket)
}

// The configuration has been checked for what these two look for.

function withPath(transform: TransformConfig) {
  const { path } = transform
  if (!path) throw new MortiseError('invalid_config', `transform: kind ${transform.kind} needs a path`)
  return { ...transform, path }
}

function withScript(transform: TransformConfig, bucket: BucketConfig, engine: ScriptEngine | null) {
  const { script } = transform
  if (!script || !engine) throw new MortiseError('invalid_config', `transform: kind ${transform.kind} needs a script`)
  return { bucket: { ...bucket, transform: { ...transform, script } }, engine }
}

const refuseTengo: Grammar = () => {
  throw new MortiseError('unsupported', 'transform: scripts in Tengo are not run; the kind script is there instead')
}
