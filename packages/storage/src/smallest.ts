import { compareText } from './text-order.ts'

/** Keeps what belongs to the `count` smallest of the texts that it is given, each once, in order of their UTF-8 bytes. */
export function createSmallest<T>(count: number) {
  const kept: { text: string; value: T }[] = []

  function positionOf(text: string): number {
    let [low, high] = [0, kept.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (compareText(kept[middle]!.text, text) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  return {
    add(text: string, value: T): void {
      // Of very many texts most are behind the last one.
      if (kept.length === count && compareText(text, kept[count - 1]!.text) >= 0) return
      const at = positionOf(text)
      if (kept[at]?.text === text) return
      kept.splice(at, 0, { text, value })
      if (kept.length > count) kept.pop()
    },
    /** It keeps as many as it may; there may have been more. */
    isFull: () => kept.length === count,
    values: () => kept.map(({ value }) => value),
  }
}
