/** Like `Promise.all` over a `map`, with `atOnce` of them under way at a time. No more are begun after a failure. */
export async function mapSome<T, R>(items: readonly T[], atOnce: number, map: (item: T) => Promise<R>): Promise<R[]> {
  const results = new Array<R>(items.length)
  let next = 0
  const work = async () => {
    try {
      for (let at = next++; at < items.length; at = next++) results[at] = await map(items[at]!)
    } catch (error) {
      next = items.length
      throw error
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  return results
}
