/**
 * MurmurHash3 in its form for 64-bit machines with 128 bits of result (Austin Appleby, public domain): both halves, not
 * negative. Far too slow for large input; here it is keys of objects.
 */
export function murmur3(bytes: Uint8Array, seed: number): { high: bigint; low: bigint } {
  // Zeros behind the end change nothing: the last block counts as if it were cut.
  const padded = new DataView(new ArrayBuffer(Math.ceil(bytes.length / 16) * 16))
  new Uint8Array(padded.buffer).set(bytes)
  let [high, low] = [BigInt(seed), BigInt(seed)]
  for (let at = 0; at < padded.byteLength; at += 16) {
    const last = at + 16 > bytes.length
    high ^= scramble(padded.getBigUint64(at, true), first, 31n, second)
    if (!last) high = wrap((rotate(high, 27n) + low) * 5n + 0x52dce729n)
    low ^= scramble(padded.getBigUint64(at + 8, true), second, 33n, first)
    if (!last) low = wrap((rotate(low, 31n) + high) * 5n + 0x38495ab5n)
  }
  const length = BigInt(bytes.length)
  high = wrap((high ^ length) + (low ^ length))
  low = wrap((low ^ length) + high)
  high = finish(high)
  low = finish(low)
  high = wrap(high + low)
  return { high, low: wrap(low + high) }
}

const first = 0x87c37b91114253d5n
const second = 0x4cf5ad432745937fn

const wrap = (value: bigint) => BigInt.asUintN(64, value)

const rotate = (value: bigint, bits: bigint) => wrap(value << bits) | (value >> (64n - bits))

function scramble(value: bigint, before: bigint, bits: bigint, after: bigint): bigint {
  return wrap(rotate(wrap(value * before), bits) * after)
}

function finish(value: bigint): bigint {
  const once = wrap((value ^ (value >> 33n)) * 0xff51afd7ed558ccdn)
  const twice = wrap((once ^ (once >> 33n)) * 0xc4ceb9fe1a85ec53n)
  return twice ^ (twice >> 33n)
}
