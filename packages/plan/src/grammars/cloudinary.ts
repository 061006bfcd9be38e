import { MortiseError } from '@mortise/errors'
import type { RE2JS } from 're2js'
import { readComponent, tryComponent } from './cloudinary-component.ts'
import { unknownTokens } from './cloudinary-tokens.ts'
import { type Grammar, type Warn, warnOfQuery } from './grammar.ts'
import { groupsOf, parentPath } from './path.ts'

export type CloudinaryOptions = {
  /** Has the groups `transformations` and `parent`; unanchored. */
  path: RE2JS
  /** `null`: the first segment of the captured parent names the bucket. */
  parentBucket: string | null
}

/** Of one URL; each is a pass over all pixels. */
const maxComponents = 16

/**
 * `/c_fill,w_200,h_200/e_grayscale/cat.jpg`: mort's `cloudinary` kind, and beyond it components in a row, which run from
 * left to right. The regexp of a mort file captures the first one only: those that follow it in the parent are taken
 * from there, as long as a segment is a component through and through; anything else is a folder. Nothing is remembered
 * from one request to the next.
 */
export function createCloudinaryGrammar({ path, parentBucket }: CloudinaryOptions): Grammar {
  const match = groupsOf(path, ['transformations', 'parent'])
  return request => {
    warnOfQuery(request, 'only the path is read')
    const groups = match(request.key)
    if (!groups) return null
    const sets = groups.transformations.split('/', maxSegments).filter(nonEmpty).map(readComponent)
    if (request.warn) unknownTokens(groups.transformations.replaceAll('/', ',')).forEach(warnOfToken(request.warn))
    let parent = groups.parent
    while (sets.length > 0 && sets.length <= maxComponents) {
      const slash = parent.indexOf('/', 1)
      const set = slash < 0 ? null : tryComponent(parent.slice(0, slash).replace('/', ''))
      if (!set) break
      sets.push(set)
      parent = parent.slice(slash)
    }
    if (sets.length > maxComponents) {
      throw new MortiseError('invalid_request', `transformations: more than ${maxComponents}`)
    }
    return { sets, parent: parentPath(parentBucket ?? '', parent) }
  }
}

const warnOfToken = (warn: Warn) => (token: string) => {
  if (token !== '') warn(`${token.slice(0, 64)}: no such token`)
}

/** Enough to see that there are too many, empty ones between them included. */
const maxSegments = 2 * maxComponents + 2

const nonEmpty = (text: string) => text !== ''
