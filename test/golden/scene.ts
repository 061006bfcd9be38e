import sharp, { type Sharp } from 'sharp'
import { type Original, storeAs } from '../fixtures/images.ts'

/**
 * A drawing in which every part looks different and no turn or mirroring looks like another: an F, a disc, bands of
 * colour. `name`: `<width>x<height>[-<EXIF orientation>][-alpha].<jpg|png|webp>`, sizes as it stands upright.
 */
export async function drawScene(name: string): Promise<Original> {
  const [, width, height, orientation, alpha, format] = pattern.exec(name) ?? []
  if (!format) throw new Error(`${name} is no scene`)
  const image = sharp(Buffer.from(drawing(Number(width), Number(height), alpha !== undefined)))
  const drawn = await (alpha ? image : image.removeAlpha()).png().toBuffer()
  const turned = await storeAs(sharp(drawn), Number(orientation ?? 1))
    .png()
    .toBuffer()
  const exif = { IFD0: { Artist: 'Mortise' } }
  const tagged = sharp(turned)
    .withExif(exif)
    .withMetadata({ orientation: Number(orientation ?? 1), exif })
  const { data } = await encoders[format as keyof typeof encoders](tagged).toUint8Array()
  return new Uint8Array(data)
}

/** 60 x 40: half of it red, half of it white and half transparent, with a blue corner at the top left. */
export async function drawMark(): Promise<Uint8Array> {
  const text = `<svg xmlns="http://www.w3.org/2000/svg" width="60" height="40"><rect width="30" height="40" fill="#f00"/>
    <rect x="30" width="30" height="40" fill="#fff" fill-opacity=".5"/><rect width="10" height="10" fill="#00f"/></svg>`
  const { data } = await sharp(Buffer.from(text)).png().toUint8Array()
  return new Uint8Array(data)
}

const pattern = /^(\d+)x(\d+)(?:-([1-8]))?(-alpha)?\.(jpg|png|webp)$/

const encoders = {
  jpg: (image: Sharp) => image.jpeg({ quality: 95, chromaSubsampling: '4:4:4' }),
  png: (image: Sharp) => image.png(),
  webp: (image: Sharp) => image.webp({ quality: 95 }),
}

function drawing(width: number, height: number, alpha: boolean): string {
  const bands = ['#264653', '#2a9d8f', '#8ab17d', '#e9c46a', '#f4a261']
  const band = (colour: string, i: number) => `<rect x="${i * 20}" width="20.5" height="100" fill="${colour}"/>`
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 100 100"
    preserveAspectRatio="none"><g ${alpha ? 'opacity=".5"' : ''}>${bands.map(band).join('')}</g>
    <rect y="70" width="100" height="30" fill="#111" fill-opacity=".35"/>
    <path d="M8 10h30v10H18v12h14v10H18v22H8z" fill="#fff"/><circle cx="78" cy="76" r="14" fill="#d62828"/></svg>`
}
