import type { BucketConfig, CorsConfig } from '@mortise/config'
import { addVary, commonFields, type Fields } from './http/fields.ts'

export type Cors = {
  /** The bucket has rules of its own, so what its answers say depends on who asks. */
  isOwn(bucket: string): boolean
  /** The answer to a preflight. */
  preflight(bucket: string, asked: { origin: string | undefined; headers: string | undefined }): Fields
  /** Puts what a page of that origin may know in place of what mort says. */
  apply(bucket: string, origin: string | undefined, headers: Headers): void
}

const names = ['origin', 'methods', 'headers'].map(name => `access-control-allow-${name}`)

/** Requests from pages of other origins (the fetch standard, section 3.3). Without rules of its own, as in mort. */
export function createCors(buckets: Record<string, BucketConfig>): Cors {
  const rules = new Map<string, CorsConfig>()
  for (const { name, cors } of Object.values(buckets)) {
    const { maxAge, ...lists } = cors
    if (maxAge > 0 || Object.values(lists).some(list => list.length > 0)) rules.set(name, cors)
  }
  return {
    isOwn: bucket => rules.has(bucket),
    preflight(bucket, { origin, headers }) {
      const rule = rules.get(bucket)
      if (!rule) return { ...commonFields }
      const fields = fieldsFor(rule, origin)
      if (fields['access-control-allow-origin'] === undefined) return fields
      if (rule.headers.includes('*') && headers && /^[\w\-, ]+$/.test(headers)) {
        fields['access-control-allow-headers'] = headers
        addVary(fields, 'Access-Control-Request-Headers')
      }
      return rule.maxAge > 0 ? { ...fields, 'access-control-max-age': String(rule.maxAge) } : fields
    },
    apply(bucket, origin, headers) {
      const rule = rules.get(bucket)
      const fields = rule ? fieldsFor(rule, origin) : originFields
      if (rule) for (const name of [...names, 'access-control-expose-headers']) headers.delete(name)
      for (const [name, value] of Object.entries(fields)) {
        if (name === 'vary') headers.append(name, value)
        else headers.set(name, value)
      }
    },
  }
}

const { 'accept-ranges': _ranges, ...originFields } = commonFields

function fieldsFor({ origins, methods, headers, exposeHeaders }: CorsConfig, origin: string | undefined): Fields {
  const any = origins.length === 0 || origins.includes('*')
  const fields: Fields = any ? {} : { vary: 'Origin' }
  if (!any && (origin === undefined || !origins.includes(origin))) return fields
  fields['access-control-allow-origin'] = any ? '*' : (origin ?? '')
  const listed = headers.filter(name => name !== '*')
  fields['access-control-allow-methods'] = joined(methods, commonFields['access-control-allow-methods'])
  fields['access-control-allow-headers'] = joined(listed, commonFields['access-control-allow-headers'])
  fields['access-control-expose-headers'] = joined(exposeHeaders, commonFields['access-control-expose-headers'])
  return fields
}

function joined(list: readonly string[], absent = ''): string {
  return list.length > 0 ? list.join(', ') : absent
}
