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

/** For each megapixel. What is not here takes next to nothing. */
export const primitiveMs: Record<string, number> = {
  feBlend: 200,
  feColorMatrix: 200,
  feComponentTransfer: 200,
  feComposite: 200,
  feConvolveMatrix: 5000,
  feDiffuseLighting: 100,
  feDisplacementMap: 2000,
  feDropShadow: 600,
  feFlood: 10,
  feGaussianBlur: 400,
  feImage: 20,
  feMerge: 20,
  feMorphology: 6000,
  feOffset: 10,
  feSpecularLighting: 100,
  feTile: 20,
  feTurbulence: 1500,
}

/** Lines are broken and shaped as a whole, which takes longer than its length grows. */
export const textMs = (characters: number) => characters / 100 + characters ** 2 / 2e4

/** The direction of a marker is looked for along the path, as far as its points are one. */
export const markersMs = (corners: number) => corners / 10 + corners ** 2 / 5e4
