import sharp from 'sharp'

// By what a file's first bytes say, from memory only: nothing is ever opened by its path.
const loaders = ['Jpeg', 'Png', 'Webp', 'Nsgif', 'Heif', 'Tiff', 'Svg'].map(name => `VipsForeignLoad${name}Buffer`)
let limited = false

/**
 * Settings of libvips that count for the whole process. Every thread calls this after it loaded sharp, because loading
 * it sets them again.
 */
export function prepareVips(): void {
  // Every original is another one, and images in parallel scale better than threads within one image.
  sharp.cache(false)
  sharp.concurrency(1)
}

/**
 * Once in a process and before its first image: between the two calls no thread can read anything. It counts for
 * threads that start later, too.
 */
export function limitLoaders(): void {
  if (limited) return
  limited = true
  sharp.block({ operation: ['VipsForeignLoad'] })
  sharp.unblock({ operation: loaders })
}
