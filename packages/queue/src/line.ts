/** First in, first out; any item can step out of it. Everything in constant time. An item is in it at most once. */
export type Line<T> = {
  readonly size: number
  join(item: T): void
  /** To the head: for who was served already and has to come again. */
  jump(item: T): void
  next(): T | undefined
  /** `false` when it was not in the line. */
  leave(item: T): boolean
}

type Place<T> = { item: T; ahead: Place<T> | undefined; behind: Place<T> | undefined }

export function createLine<T>(): Line<T> {
  const places = new Map<T, Place<T>>()
  let head: Place<T> | undefined
  let tail: Place<T> | undefined

  function leave(item: T) {
    const place = places.get(item)
    if (!place) return false
    places.delete(item)
    if (place.ahead) place.ahead.behind = place.behind
    else head = place.behind
    if (place.behind) place.behind.ahead = place.ahead
    else tail = place.ahead
    return true
  }

  function stand(item: T, ahead: Place<T> | undefined, behind: Place<T> | undefined) {
    const place = { item, ahead, behind }
    places.set(item, place)
    if (ahead) ahead.behind = place
    else head = place
    if (behind) behind.ahead = place
    else tail = place
  }

  return {
    get size() {
      return places.size
    },
    join: item => stand(item, tail, undefined),
    jump: item => stand(item, undefined, head),
    next() {
      const item = head?.item
      if (item !== undefined) leave(item)
      return item
    },
    leave,
  }
}
