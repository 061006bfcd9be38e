/** Says something at most once in a while. `more`: how many of its kind were not said since the last one. */
export type Seldom = (kind: string, say: (more: { moreSince?: number }) => void) => void

export type SeldomOptions = {
  /** Milliseconds between two of a kind. */
  periodMs: number
  /** Milliseconds since some fixed point. */
  now(): number
}

/** Of codes, and of what a configuration names, there are fewer at one time. */
const maxKinds = 1000

/** For lines that a request or a job could cause: the first of a kind is said at once, those that follow it are counted. */
export function createSeldom({ periodMs, now }: SeldomOptions): Seldom {
  const said = new Map<string, { at: number; unsaid: number }>()
  return (kind, say) => {
    const last = said.get(kind)
    if (last && now() - last.at < periodMs) {
      last.unsaid += 1
      return
    }
    said.delete(kind)
    const [oldest] = said.keys()
    if (oldest !== undefined && said.size >= maxKinds) said.delete(oldest)
    said.set(kind, { at: now(), unsaid: 0 })
    say(last?.unsaid ? { moreSince: last.unsaid } : {})
  }
}
