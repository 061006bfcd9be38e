/** First in, first out; any item can be taken out of the middle. Everything in constant time. An item is in it once. */
export type Fifo<T> = {
  readonly size: number
  /** The one that `shift` would take. */
  readonly first: T | undefined
  push(item: T): void
  /** Puts it first. */
  unshift(item: T): void
  shift(): T | undefined
  /** `false` when it was not in it. */
  remove(item: T): boolean
}

type Node<T> = { item: T; before: Node<T> | undefined; after: Node<T> | undefined }

export function createFifo<T>(): Fifo<T> {
  const nodes = new Map<T, Node<T>>()
  let first: Node<T> | undefined
  let last: Node<T> | undefined

  function remove(item: T) {
    const node = nodes.get(item)
    if (!node) return false
    nodes.delete(item)
    if (node.before) node.before.after = node.after
    else first = node.after
    if (node.after) node.after.before = node.before
    else last = node.before
    return true
  }

  function insert(item: T, before: Node<T> | undefined, after: Node<T> | undefined) {
    const node = { item, before, after }
    nodes.set(item, node)
    if (before) before.after = node
    else first = node
    if (after) after.before = node
    else last = node
  }

  return {
    get size() {
      return nodes.size
    },
    get first() {
      return first?.item
    },
    push: item => insert(item, last, undefined),
    unshift: item => insert(item, undefined, first),
    shift() {
      const item = first?.item
      if (item !== undefined) remove(item)
      return item
    },
    remove,
  }
}
