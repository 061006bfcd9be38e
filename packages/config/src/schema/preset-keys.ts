import { RE2JS } from 're2js'
import type { KeyPart, PresetKeys } from '../types.ts'

/**
 * Reads a `path` backwards: the keys that it takes for a preset of an original. `null` when it does not say them: a
 * group is missing, or something stands beside the groups that could be one text or another. What may be left out is
 * left out in one form, and is there in another if it is a text.
 */
export function invertPath(path: string): PresetKeys | null {
  try {
    const forms = [false, true].map(optional => createReader(path, optional)())
    const [first] = forms
    if (!first?.presetName) return null
    const distinct = new Map(forms.map(({ parts }) => [JSON.stringify(parts), parts]))
    return { forms: [...distinct.values()], presetName: RE2JS.compile(`${first.flags}^(?:${first.presetName})$`) }
  } catch (error) {
    if (error instanceof Unsaid) return null
    throw error
  }
}

/** The path does not say which text stands there. */
class Unsaid extends Error {}

/** What one atom of the expression stands for. `null`: for one text or another. */
type Atom = KeyPart[] | null

/** Of the syntax of RE2 as much as texts, groups and what repeats them. The path compiles, so that it is well formed. */
function createReader(path: string, optional: boolean) {
  let at = 0
  let flags = ''
  let presetName = ''

  const take = (expression: RegExp) => {
    expression.lastIndex = at
    const match = expression.exec(path)
    if (match) at += match[0].length
    return match
  }

  function sequence(): KeyPart[] {
    const parts: KeyPart[] = []
    while (at < path.length && path[at] !== ')') {
      const atom = readAtom()
      parts.push(...repeated(atom))
    }
    return parts
  }

  function readAtom(): Atom {
    if (take(/[\^$]|\\[AzbB]/y)) return []
    if (take(/\(/y)) return readGroup()
    const escaped = take(/\\([^\p{L}\p{N}])/uy) ?? take(/\[\\?([^\p{L}\p{N}^\\\]])\]/uy)
    if (escaped) return [{ text: escaped[1]! }]
    if (path[at] === '|' || take(/\\[QEx\d]/y)) throw new Unsaid()
    if (take(/\\[pP]\{[^}]*\}|\\[pP].|\\.|\./sy) || takeClass()) return null
    return [{ text: take(/./suy)![0] }]
  }

  function takeClass(): boolean {
    return take(/\[\^?\]?(?:\[:[^\]]*:\]|\\[pP]\{[^}]*\}|\\.|[^\]\\])*\]/sy) !== null
  }

  function readGroup(): Atom {
    const name = take(/\?P?<(\w+)>/y)?.[1]
    if (name === 'presetName' || name === 'parent') {
      const start = at
      skipGroup()
      if (name === 'presetName') presetName = path.slice(start, at - 1)
      return [{ group: name }]
    }
    const set = name === undefined && take(/\?([imsU-]*)\)/y)
    if (set) {
      flags += `(?${set[1]})`
      return []
    }
    if (name === undefined) take(/\?[imsU-]*:/y)
    const start = at
    try {
      const parts = sequence()
      at++
      return parts
    } catch (error) {
      if (!(error instanceof Unsaid)) throw error
      at = start
      skipGroup()
      if (/<(?:presetName|parent)>/.test(path.slice(start, at))) throw error
      return null
    }
  }

  /** What the group may be is nobody's business here. */
  function skipGroup(): void {
    for (let depth = 1; depth > 0; ) {
      if (take(/\\[pP]\{[^}]*\}|\\./sy) || takeClass()) continue
      const [character] = take(/./suy)!
      if (character === '(') depth++
      if (character === ')') depth--
    }
  }

  function repeated(atom: Atom): KeyPart[] {
    const times = take(/([*+?]|\{(\d+)(?:,\d*)?\})\??/y)
    const least = times?.[2] === undefined ? Number(!times || times[1] === '+') : Number(times[2])
    const isOurs = atom?.some(part => 'group' in part) ?? false
    if (isOurs ? least > 1 : least > 16) throw new Unsaid()
    if (isOurs) return atom!
    if (least > 0 && atom === null) throw new Unsaid()
    return Array.from({ length: optional ? Math.max(least, 1) : least }, () => atom ?? []).flat()
  }

  return () => {
    const parts = joined(sequence())
    const groups = parts.flatMap(part => ('group' in part ? [part.group] : []))
    if (groups.toSorted().join() !== 'parent,presetName') throw new Unsaid()
    return { parts, flags, presetName }
  }
}

function joined(parts: KeyPart[]): KeyPart[] {
  const all: KeyPart[] = []
  for (const part of parts) {
    const last = all.at(-1)
    if ('text' in part && last && 'text' in last) all[all.length - 1] = { text: last.text + part.text }
    else all.push(part)
  }
  return all
}
