import sharp from 'sharp'

/**
 * How different two images look: the mean distance of their colours in CIE Lab, after both became 32 x 32 on grey.
 * 0 is equal; what another encoder or a quality of 75 does stays under 3; another crop or a turn is over 10.
 */
export async function distance(one: Uint8Array, other: Uint8Array): Promise<number> {
  const [a, b] = await Promise.all([small(one), small(other)])
  let sum = 0
  for (let i = 0; i < a.length; i += 3) {
    const [l1, a1, b1] = lab(a[i]!, a[i + 1]!, a[i + 2]!)
    const [l2, a2, b2] = lab(b[i]!, b[i + 1]!, b[i + 2]!)
    sum += Math.hypot(l1 - l2, a1 - a2, b1 - b2)
  }
  return (sum * 3) / a.length
}

const small = (bytes: Uint8Array) =>
  sharp(bytes).flatten({ background: '#808080' }).resize(32, 32, { fit: 'fill' }).toColourspace('srgb').raw().toBuffer()

type Triple = [number, number, number]

/** sRGB of 0 to 255 to CIE Lab under D65. */
function lab(red: number, green: number, blue: number): Triple {
  const [r, g, b] = [linear(red), linear(green), linear(blue)]
  const x = cubeRoot((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505)
  const y = cubeRoot(0.2126 * r + 0.7152 * g + 0.0722 * b)
  const z = cubeRoot((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089)
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)]
}

const linear = (value: number) => {
  const share = value / 255
  return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
}

const cubeRoot = (value: number) => (value > 0.008856 ? Math.cbrt(value) : 7.787 * value + 16 / 116)
