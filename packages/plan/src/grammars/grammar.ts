import type { Query } from '../address.ts'
import type { ResultKey } from '../result-key.ts'
import type { TransformSet } from '../transform-set.ts'

/** A request to one bucket, after its address was read. */
export type GrammarRequest = {
  /** With a leading slash, decoded. */
  key: string
  /** Empty when a parent is read: a parent is a path. */
  query: Query
  /** Called with what is in the request without having an effect; absent when nobody wants to know. */
  warn?: Warn | undefined
}

export type Warn = (sentence: string) => void

/** What a grammar makes of a request: `null` for an object as it is stored. */
export type Parsed = {
  /** Applied one after the other, each in a pass of its own. Empty ones do not count. */
  sets: TransformSet[]
  /** The path of the parent, bucket included, which the rules of the parent's bucket then read again. */
  parent: string
  /** The name of the preset that matched. */
  preset?: string
  /** In place of what the bucket's configuration says. */
  checkParent?: boolean
  resultKey?: ResultKey
} | null

/**
 * A URL grammar, compiled for one bucket when the planner is made. Throws `invalid_request` for text that the grammar
 * does not allow.
 */
export type Grammar = (request: GrammarRequest) => Parsed

/** Warns of a query that nobody reads. */
export function warnOfQuery({ query, warn }: GrammarRequest, because: string): void {
  if (warn && query.raw !== '') warn(`the query is ignored: ${because}`)
}
