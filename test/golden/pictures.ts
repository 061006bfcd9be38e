import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import sharp from 'sharp'

const folder = new URL('./pictures/', import.meta.url)
const fileOf = (name: string) => new URL(`${name}.png`, folder)

/**
 * An expected picture. One that is not there is made from what came out, when GOLDEN=write is set; then it is for a
 * person to look at before it is committed. It throws otherwise.
 */
export async function expectedPicture(name: string, found: Uint8Array): Promise<Uint8Array> {
  if (process.env.GOLDEN === 'write' && !existsSync(fileOf(name))) {
    await mkdir(folder, { recursive: true })
    await writeFile(fileOf(name), await sharp(found).png({ palette: true, colours: 64, effort: 10 }).toBuffer())
  }
  return readFile(fileOf(name))
}
