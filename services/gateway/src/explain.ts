import type { Config } from '@mortise/config'
import type { Explanation, Planner } from '@mortise/plan'
import { replies } from './errors.ts'
import { freshnessLifetime } from './http/cache-control.ts'
import { createHeaderRules, type Fields, type HeaderRules } from './http/fields.ts'
import { createAcceptReader } from './http/negotiate.ts'

/** What a GET of a URL comes to, in plain JSON; with `error` when it is refused before anything is opened. */
export type ExplainedRequest = Explanation & {
  accept: string | null
  /** Of the refusal. */
  status?: number
  /** What happens to a 200. */
  cache?: CacheRules
}

export type CacheRules = {
  /** The header rules that apply, in their order. `replaces`: also where the response has that field. */
  headers: { from: 'bucket' | 'global'; name: string; value: string; replaces: boolean }[]
  /** What the rules come to; `null` when they say nothing of it. */
  cacheControl: string | null
  /** A `Cache-Control` that the object was stored with holds in its place. */
  unlessStored: boolean
  /** Seconds in the caches of the gateways; 0 = not kept. */
  lifetime: number
  /** Besides the memory of each gateway; `null`: nothing. */
  shared: 'redis' | 'redis-cluster' | null
  minUseCount: number
  maxItemBytes: number
}

export type Explain = (url: string, accept?: string) => ExplainedRequest

/** Explains a URL (a path with its query, or absolute) to who operates the service. Opens nothing and makes nothing. */
export function createExplain(config: Config, planner: Planner): Explain {
  const preferenceOf = createAcceptReader(planner.negotiable)
  const cacheRules = createCacheRules(config)
  const explain = (target: string, accept: string | undefined): Explanation => {
    if (target.length <= config.limits.urlLength)
      return planner.explain({ target, accepts: preferenceOf(accept).formats })
    const message = `the request target is longer than ${config.limits.urlLength} characters`
    return { target, warnings: [], error: { code: 'invalid_request', message } }
  }
  return (url, accept) => {
    const { target, ...explanation } = explain(url.split('#', 1)[0] ?? '', accept)
    const request = { target, accept: accept ?? null, ...explanation } as ExplainedRequest
    if ('error' in request) request.status = replies[request.error.code].status
    else if (request.kind === 'object' || request.kind === 'derivative') request.cache = cacheRules(request)
    return request
  }
}

type Delivered = Extract<Explanation, { kind: 'object' | 'derivative' }>

function createCacheRules({ headers, buckets, server }: Config): (delivered: Delivered) => CacheRules {
  const ofBucket = createHeaderRules([], buckets)
  const ofStatus = createHeaderRules(headers, {})
  const all = createHeaderRules(headers, buckets)
  const { type, minUseCount, maxItemBytes, ttl } = server.cache
  const caches = { shared: type === 'memory' ? null : type, minUseCount, maxItemBytes }
  return delivered => {
    const { bucket } = delivered
    const fields: Fields = {}
    all(bucket, 200, fields)
    const cacheControl = fields['cache-control'] ?? null
    // A derivative that is compared with its original each time is not kept unless a header says so.
    const otherwise = delivered.kind === 'derivative' && !delivered.checkParent ? ttl : 0
    return {
      headers: [...listRules(ofBucket, 'bucket', bucket), ...listRules(ofStatus, 'global', bucket)],
      cacheControl,
      unlessStored: !replaces(all, bucket, 'cache-control'),
      lifetime: cacheControl === null ? otherwise : freshnessLifetime(cacheControl),
      ...caches,
    }
  }
}

function listRules(rules: HeaderRules, from: 'bucket' | 'global', bucket: string): CacheRules['headers'] {
  const fields: Fields = {}
  rules(bucket, 200, fields)
  return Object.entries(fields).map(([name, value]) => {
    return { from, name, value, replaces: replaces(rules, bucket, name) }
  })
}

function replaces(rules: HeaderRules, bucket: string, name: string): boolean {
  const present = '\0'
  const fields: Fields = { [name]: present }
  rules(bucket, 200, fields)
  return fields[name] !== present
}
