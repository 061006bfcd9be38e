export { createImagePool, type ImagePoolOptions } from './pool.ts'
export type {
  ImageLimits,
  ImagePool,
  ImageStats,
  RenderAllRequest,
  Rendered,
  RenderRequest,
  RenderResult,
} from './types.ts'
