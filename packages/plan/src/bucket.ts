import type { BucketConfig } from '@mortise/config'
import { MortiseError } from '@mortise/errors'
import type { Grammar } from './grammars/grammar.ts'
import { createPresetsGrammar } from './grammars/presets.ts'
import { createPresetsQueryGrammar } from './grammars/presets-query.ts'
import { createQueryGrammar } from './grammars/query.ts'
import type { ResultKey } from './result-key.ts'

/** A bucket of the configuration, ready to read requests. */
export type CompiledBucket = {
  name: string
  /** Reads one request; objects without a transform give `null`. */
  parse: Grammar
  /** The name, in this bucket's `storages`, of the storage that holds the parents. */
  parentStorage: string
  resultKey: ResultKey
  checkParent: boolean
}

type Transform = NonNullable<BucketConfig['transform']>

/** One line for each `transform.kind`. */
const grammars: Partial<Record<Transform['kind'], (bucket: string, transform: Transform) => Grammar>> = {
  query: (bucket, { parentBucket }) => createQueryGrammar({ bucket, parentBucket }),
  presets: (_, transform) => createPresetsGrammar(withPath(transform)),
  'presets-query': (bucket, transform) => createPresetsQueryGrammar({ bucket, ...withPath(transform) }),
}

export function compileBucket(name: string, { transform }: BucketConfig): CompiledBucket {
  if (!transform) {
    return { name, parse: () => null, parentStorage: 'basic', resultKey: 'path', checkParent: false }
  }
  const { kind, parentStorage, checkParent } = transform
  return {
    name,
    parse: grammars[kind]?.(name, transform) ?? refuse(kind),
    parentStorage,
    resultKey: transform.resultKey === 'hash' || transform.resultKey === 'hashParent' ? 'digest' : 'path',
    checkParent,
  }
}

function withPath(transform: Transform) {
  const { path } = transform
  // The configuration has been checked for it.
  if (!path) throw new MortiseError('invalid_config', `transform: kind ${transform.kind} needs a path`)
  return { ...transform, path }
}

function refuse(kind: string): Grammar {
  return () => {
    throw new MortiseError('unsupported', `transform: this version does not read URLs of the kind ${kind}`)
  }
}
