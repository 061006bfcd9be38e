import { isChecksumAlgorithm } from '@mortise/s3-auth/checksums'
import type { ObjectChecksum } from '../checksum.ts'

/** A part that has come. */
export type Part = {
  number: number
  md5: string
  size: number
  lastModified: Date
  /** The name of its bytes. */
  data: string
  /** That the client said of it. */
  checksum: ObjectChecksum | null
}

/** All about a part in a name that sorts by number, then by time. */
export function partName(part: Omit<Part, 'lastModified'> & { time: number }): string {
  const { number, time, md5, size, data, checksum } = part
  const sum = checksum ? [`${checksum.algorithm}.${Buffer.from(checksum.value, 'base64').toString('hex')}`] : []
  return [String(number).padStart(5, '0'), time.toString(36).padStart(9, '0'), md5, size, data, ...sum].join('-')
}

/** `null` for what is no name of a part. */
export function readPartName(name: string): Part | null {
  const match = /^(\d{5})-([0-9a-z]{9})-([0-9a-f]{32})-(\d{1,15})-([0-9a-f]{24})(?:-([a-z0-9]+)\.([0-9a-f]+))?$/.exec(
    name,
  )
  if (!match) return null
  const [, number = '', time = '', md5 = '', size = '', data = '', algorithm = '', sum = ''] = match
  const value = Buffer.from(sum, 'hex').toString('base64')
  return {
    ...{ number: Number(number), md5, size: Number(size), lastModified: new Date(Number.parseInt(time, 36)), data },
    checksum: isChecksumAlgorithm(algorithm) ? { algorithm, value } : null,
  }
}
