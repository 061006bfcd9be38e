export { createImagePool, type ImagePoolOptions } from './pool.ts'
export type { ImageLimits, ImagePool, ImageStats, Rendered, RenderRequest } from './types.ts'
