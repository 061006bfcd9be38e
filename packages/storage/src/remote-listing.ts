import { MortiseError } from '@mortise/errors'
import { isBeginning, isKey } from './keys.ts'
import { checkListOptions, isHidden, type Told, tell } from './listing.ts'
import { type Listing, type ListOptions, reservedPrefix } from './storage.ts'
import { behindAll, compareText } from './text-order.ts'

export type RemoteQuestion = {
  /** Of the backend's own keys. */
  prefix: string
  delimiter?: string
  /** Only keys behind this one, which may be told once more; empty: from the start. */
  after: string
  limit: number
  /** Where the answer before ended, when it cannot be said by a key. */
  token?: string
}

/** One answer of a backend: keys and common prefixes of its own. It may leave the common prefixes to us. */
export type RemoteAnswer = {
  objects: Listing['objects']
  prefixes: string[]
  /** There is more behind this answer. A text is what the backend calls the place. */
  more: boolean | string
}

type Entry = Told & { info?: Listing['objects'][number]['info'] }

/**
 * One page from a backend that lists in the order of the port. `base` stands before each of its keys instead of the
 * first slash. What Mortise has no key for does not show.
 */
export async function listRemote(
  base: string,
  options: ListOptions,
  ask: (question: RemoteQuestion) => Promise<RemoteAnswer>,
): Promise<Listing> {
  checkListOptions(options)
  const { prefix, delimiter, after = '', limit, signal } = options
  const toBackend = (key: string) => base + key.slice(1)
  const found: Entry[] = []
  let more: boolean | string = true
  for (let start = startOf(options); start !== null && more && found.length < limit; ) {
    signal.throwIfAborted()
    const answer: RemoteAnswer = await ask({
      prefix: toBackend(prefix),
      after: start && toBackend(start),
      // To MinIO a page of one is a question for the object of that name: it never says that there is more.
      limit: Math.max(limit - found.length, 2),
      ...(delimiter ? { delimiter } : {}),
      ...(typeof more === 'string' ? { token: more } : {}),
    })
    const entries = entriesOf(answer, base, options)
    const told = found.at(-1)?.text ?? after
    found.push(...entries.filter(entry => isTold(entry, options) && compareText(entry.text, told) > 0))
    const last = entries.at(-1)
    // A backend that does not know where to begin comes there by its own steps.
    const begun = last && compareText(last.text, start) > 0
    if (begun) start = behind(last, options)
    else if (answer.more === true) throw new MortiseError('storage_unavailable', 'the backend lists nothing, and more')
    more = begun ? answer.more !== false : answer.more
  }
  const page = found.slice(0, limit)
  return {
    objects: page.flatMap(({ text, info }) => (info ? [{ key: text, info }] : [])),
    prefixes: page.flatMap(({ text, common }) => (common ? [text] : [])),
    next: page.length > 0 && (more || found.length > limit) ? page.at(-1)!.text : null,
  }
}

/** Behind which key the backend is to begin, `''` for the first; `null` when all that it could tell is before `after`. */
function startOf(options: ListOptions): string | null {
  const { prefix, after = '' } = options
  if (!isBeginning(prefix)) return null
  if (compareText(after, prefix) < 0) return ''
  if (!after.startsWith(prefix)) return null
  const told = tell(after, options)
  if (isTold(told, options)) return behind(told, options)
  // It is no key, and the backend may refuse it. What it stands behind is found here, among what comes behind less.
  return prefix
}

/** A common prefix stands for all of its keys. Of those that nobody is told there may be very many. */
function behind({ text, common }: Told, options: ListOptions): string {
  if (isHidden(text, options)) return behindAll(reservedPrefix)
  return common ? behindAll(text) : text
}

function entriesOf({ objects, prefixes }: RemoteAnswer, base: string, options: ListOptions): Entry[] {
  const entries = new Map<string, Entry>()
  const own = (key: string) => `/${key.slice(base.length)}`
  for (const { key, info } of objects) {
    const told = tell(own(key), options)
    entries.set(told.text, told.common ? told : { ...told, info })
  }
  for (const text of prefixes) entries.set(own(text), { text: own(text), common: true })
  return [...entries.values()]
    .filter(({ text }) => text.startsWith(options.prefix))
    .sort((one, other) => compareText(one.text, other.text))
}

function isTold({ text, common }: Told, options: ListOptions): boolean {
  if (isHidden(text, options)) return false
  return common ? isBeginning(text) : isKey(text)
}
