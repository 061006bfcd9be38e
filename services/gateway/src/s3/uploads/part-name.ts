/** A part that has come. */
export type Part = {
  number: number
  md5: string
  size: number
  lastModified: Date
  /** The name of its bytes. */
  data: string
}

/** All about a part in a name that sorts by number, then by time. */
export function partName({ number, time, md5, size, data }: Omit<Part, 'lastModified'> & { time: number }): string {
  return [String(number).padStart(5, '0'), time.toString(36).padStart(9, '0'), md5, size, data].join('-')
}

/** `null` for what is no name of a part. */
export function readPartName(name: string): Part | null {
  const match = /^(\d{5})-([0-9a-z]{9})-([0-9a-f]{32})-(\d{1,15})-([0-9a-f]{24})$/.exec(name)
  if (!match) return null
  const [, number = '', time = '', md5 = '', size = '', data = ''] = match
  return { number: Number(number), md5, size: Number(size), lastModified: new Date(Number.parseInt(time, 36)), data }
}
