import type { LimitsConfig } from '../types.ts'
import { section } from './section.ts'
import { int } from './setting.ts'

const MiB = 1024 * 1024

/** Ours. What a request may cost; each limit refuses before the work is done. */
export const limits = section<{ [K in keyof LimitsConfig]: ReturnType<typeof int> }>(
  {
    inputBytes: int('Bytes of an original that is to be decoded.', { default: 64 * MiB, min: 1 }),
    inputPixels: int('Width x height x frames of an original.', { default: 100_000_000, min: 1 }),
    outputSide: int('Pixels of either side of a derivative.', { default: 8192, min: 1, max: 65_535 }),
    outputPixels: int('Width x height x frames of a derivative.', { default: 67_108_864, min: 1 }),
    avifPixels: int('Width x height of an AVIF, whose encoder cannot be interrupted.', { default: 8_388_608, min: 1 }),
    renderSeconds: int('Seconds of processing in one pipeline.', { default: 20, min: 1, max: 3600 }),
    memory: int('Bytes of pixels and files in flight over all renders; 0 = computed from the memory of the machine.', {
      min: 0,
    }),
    urlLength: int('Characters of a request target.', { default: 8192, min: 256, max: 65_536 }),
    uploadBytes: int('Bytes of one upload; of one in parts, of each part.', { default: 5 * 1024 * MiB, min: 1 }),
    uploadDays: int('Days after which an upload in parts that nobody completed is given up.', {
      default: 7,
      min: 1,
      max: 3650,
    }),
    uploadsAtOnce: int(
      'Uploads at one time, of the S3 API and of Cloudinary’s each; presigned URLs and forms have half of them, one of these a quarter.',
      { default: 256, min: 1, max: 10_000 },
    ),
    uploadRate: int('Bytes per second that an upload has to bring on average.', { default: 4096, min: 1 }),
    uploadGrace: int('Seconds that an upload may be behind `uploadRate`; then it is ended.', {
      default: 30,
      min: 1,
      max: 3600,
    }),
  },
  'Limits of what one request may cost.',
)
