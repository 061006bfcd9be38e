import { MortiseError } from '@mortise/errors'
import type { Place } from './keys.ts'

export type HttpTemplate = {
  /** Throws `invalid_request` when the container cannot stand where the template wants it. */
  urlOf(place: Place): URL
  /** Of the backend, to see whether it is there; `null` when each container has a host of its own. */
  origin: string | null
}

/**
 * Compiles the URL of a storage, in which the first `<container>` and the first `<item>` are replaced, as in mort. Keys
 * are text: what is not legal in the place where it comes to stand is percent-encoded, a `%` as well, so that every key
 * is a URL of its own and none can leave its place. In a path there is one slash before the item; in a query it stands
 * as in mort, with a slash unless there is a prefix. Throws `invalid_config`.
 */
export function compileTemplate(template: string, { pathPrefix = '' }: { pathPrefix?: string }): HttpTemplate {
  const itemAt = template.indexOf('<item>')
  const query = template.indexOf('?')
  const inQuery = query !== -1 && query < itemAt

  const fill = (container: string, key: string) => {
    const item = inQuery
      ? (pathPrefix === '' ? '/' : '') + encodeParts(key)
      : (template[itemAt - 1] === '/' ? '' : '/') + encodePath(key)
    return URL.parse(template.replace('<container>', () => encodeURIComponent(container)).replace('<item>', () => item))
  }

  const [one, other] = [fill('one', 'key'), fill('other', 'key')]
  if (!one || !other || !schemes.has(one.protocol)) {
    throw new MortiseError('invalid_config', 'http: the url is not like https://host/<container><item>')
  }
  return {
    origin: one.origin === other.origin ? one.origin : null,
    urlOf({ container, key }) {
      const url = fill(container, key)
      if (!url) throw new MortiseError('invalid_request', `bad bucket name "${container}"`)
      return url
    },
  }
}

const schemes = new Set(['http:', 'https:'])

function encodeParts(key: string): string {
  return key.split('/').map(encodeURIComponent).join('/')
}

/** RFC 3986, section 3.3: what may stand in a path as it is. */
function encodePath(key: string): string {
  return encodeParts(key).replace(/%(?:24|26|2B|2C|3A|3B|3D|40)/g, decodeURIComponent)
}
