/** How many of its first bytes tell what a file is. */
export const headBytes = 12

/** At which byte, what, read as Latin-1. */
const marks: readonly [type: string, at: number, mark: RegExp][] = [
  ['image/jpeg', 0, /^\xff\xd8\xff/],
  ['image/png', 0, /^\x89PNG\r\n\x1a\n/],
  ['image/gif', 0, /^GIF8[79]a/],
  ['image/webp', 0, /^RIFF.{4}WEBP/s],
  ['image/tiff', 0, /^(?:II\*\0|MM\0\*)/],
  ['image/avif', 4, /^ftypavi[fs]/],
  ['image/heic', 4, /^ftyp(?:hei[cx]|mif1)/],
]

/**
 * The content type of a file: what its sender says, where that is `image/<x>`. Cloudinary's libraries say of every file
 * that it is bytes; then its first ones decide. An SVG has to be called one. `null`: it is no picture.
 */
export function pictureType(said: string, head: Uint8Array): string | null {
  const type = said.toLowerCase()
  if (/^image\/[\w.+-]+$/.test(type)) return type
  if (type !== 'application/octet-stream') return null
  const text = Buffer.from(head).toString('latin1')
  return marks.find(([, at, mark]) => mark.test(text.slice(at)))?.[0] ?? null
}
