import sharp from 'sharp'

// By what a file's first bytes say, from memory only: nothing is ever opened by its path.
const loaders = ['Jpeg', 'Png', 'Webp', 'Nsgif', 'Heif', 'Tiff', 'Svg'].map(name => `VipsForeignLoad${name}Buffer`)

/**
 * Settings of libvips that count for the whole process. Every thread calls this after it loaded sharp, because loading
 * it sets some of them again.
 */
export function prepareVips(): void {
  // Every original is another one, and images in parallel scale better than threads within one image.
  sharp.cache(false)
  sharp.concurrency(1)
  sharp.block({ operation: ['VipsForeignLoad'] })
  sharp.unblock({ operation: loaders })
}
