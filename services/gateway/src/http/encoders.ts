import type { Transform } from 'node:stream'
import { constants, createBrotliCompress, createGzip, createZstdCompress, type ZlibOptions } from 'node:zlib'
import type { Coding } from './codings.ts'

/** What comes out at once. */
const chunkSize = 64 * 1024

/** A megabyte is looked back on, at most: more would cost each compression many times that in memory. */
const maxWindow = 20

/** A stream that compresses; `level` as in mort's configuration, `size`: bytes that will go in. */
export function createEncoder(coding: Coding, level: number, size: number): Transform {
  switch (coding) {
    case 'br':
      return createBrotliCompress({
        chunkSize,
        params: {
          [constants.BROTLI_PARAM_QUALITY]: clamp(level, 0, 11),
          [constants.BROTLI_PARAM_LGWIN]: clamp(Math.ceil(Math.log2(size)), 10, maxWindow),
          [constants.BROTLI_PARAM_SIZE_HINT]: Math.min(size, 2 ** 31),
        },
      })
    case 'zstd':
      return createZstdCompress({
        chunkSize,
        params: {
          [constants.ZSTD_c_compressionLevel]: zstdLevel(level),
          [constants.ZSTD_c_windowLog]: clamp(Math.ceil(Math.log2(size)), 10, maxWindow),
        },
      })
    case 'gzip':
      return createGzip({ chunkSize, ...gzipLevel(level) })
  }
}

/** mort's encoder has three levels: fastest, default and best. */
export function zstdLevel(level: number): number {
  if (level >= 8) return 11
  return level >= 1 && level <= 4 ? 1 : 3
}

/** -2 is Huffman coding only, -1 the default; mort breaks the connection on other levels, here the nearest is taken. */
export function gzipLevel(level: number): ZlibOptions {
  if (level <= -2) return { level: 1, strategy: constants.Z_HUFFMAN_ONLY }
  return { level: clamp(level, -1, 9) }
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most)
}
