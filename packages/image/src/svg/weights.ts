/**
 * What drawing costs in ms, measured with librsvg 2.63 on one core of a small machine, shapes as large as the picture.
 * Real shapes are smaller, so the sum is nearly always too high, which is what a limit needs.
 */

/** Of a plain shape; a painted pixel costs little, a stroked path of few points as much as its size. */
export const elementMs = { once: 0.1, perMegapixel: 1 }

/** Points of a path, an upper bound. A curve or an arc becomes several. */
export const cornersOf = (path: string) => Math.ceil(path.length / 4) + 8 * (path.match(/[acqst]/gi)?.length ?? 0)

/** Edges of a stroke that cross each other are looked for: 6.8 s for 60 000 points, over 45 s for 30 000 arcs. */
export const pathMs = (corners: number) => corners / 100 + corners ** 2 / 2e5

/** Each dash is stroked: 4.4 s for 70 000. `length` is that of a dash and its gap, in a picture that is 1000 wide. */
export const dashesMs = (corners: number, length: number) => corners * Math.min(65_536, 1000 / length) * 0.07

/** Of each shape that a gradient or a pattern paints, for each megapixel. */
export const stopMs = 0.01
export const patternMs = 5

/** For each megapixel of a picture of its own that is put into the whole one. */
export const layerMs = { layer: 2, mask: 15, filter: 10 }

/** Pictures in memory while a layer is drawn. A filter keeps several, however many primitives it has. */
export const layerPictures = { layer: 1, mask: 2, filter: 8 }

/** For each megapixel; half as long again as was measured, because a filter does cover the whole picture. */
export function primitiveMs(name: string, { order = '3' }: { order?: string }): number {
  return name === 'feConvolveMatrix' ? 200 + 55 * coefficients(order) : (primitives[name] ?? 0)
}

/**
 * What is not here takes next to nothing. The worst that attributes can make of it: a morphology grows with the square of
 * its radius, up to 6.6 s at 10 px, where the renderer stops; a blur and a turbulence take the same whatever they say.
 */
const primitives: Record<string, number> = {
  feBlend: 400,
  feColorMatrix: 350,
  feComponentTransfer: 350,
  feComposite: 400,
  feDiffuseLighting: 450,
  feDisplacementMap: 2000,
  feDropShadow: 800,
  feFlood: 10,
  feGaussianBlur: 600,
  feImage: 20,
  feMerge: 20,
  feMergeNode: 270,
  feMorphology: 9000,
  feOffset: 10,
  feSpecularLighting: 450,
  feTile: 20,
  feTurbulence: 2700,
}

/** Measured: 0.5 s for 3 by 3, 3.3 s for 10 by 10, 14 s for 20 by 20. The renderer takes no more than 400 of them. */
function coefficients(order: string): number {
  const [columns = Number.NaN, rows = columns] = order
    .trim()
    .split(/[\s,]+/)
    .map(Number)
  return Math.min(Math.max(9, columns * rows) || maxCoefficients, maxCoefficients)
}

const maxCoefficients = 400

/** Lines are broken and shaped as a whole, which takes longer than its length grows. */
export const textMs = (characters: number) => characters / 100 + characters ** 2 / 2e4

/** The direction of a marker is looked for along the path, as far as its points are one. */
export const markersMs = (corners: number) => corners / 10 + corners ** 2 / 5e4

/** Of each use: 190 ms for each megapixel of noise as PNG, 26 as JPEG; most of a PNG's by its bytes. */
export const pictureMs = ({ pixels, bytes }: { pixels: number; bytes: Uint8Array }) =>
  pixels / 1e4 + bytes.byteLength / 7_000

/**
 * libvips has strips of 2000 lines drawn one by one, and some of them again; what is no plain shape takes as long for a
 * strip as for all of it. Measured, of a filter: 3.8 times as long for two strips, 8 times for three.
 */
export const repeats = (height: number) => Math.ceil(height / 2000) ** 2
