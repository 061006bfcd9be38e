/** Freezes a value and all plain values in it. Instances, such as a compiled regexp with a cache of its own, stay open. */
export function freeze<T>(value: T): T {
  if (!isPlain(value) || Object.isFrozen(value)) return value
  for (const inner of Object.values(value)) freeze(inner)
  return Object.freeze(value)
}

/** A list, or a record with the prototype of literals or none. */
export function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  const prototype = Object.getPrototypeOf(value)
  return Array.isArray(value) || prototype === Object.prototype || prototype === null
}
