import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { MortiseError } from '@mortise/errors'
import { describe, expect, it } from 'vitest'
import { createRoom } from '../s3/room.ts'
import { spool } from './spool.ts'

const tooLarge = () => new MortiseError('too_large', 'too large')
const of = (...sizes: number[]) => Readable.from(sizes.map(size => Buffer.alloc(size, 'x')))

describe('a temporary file', () => {
  it('gives back what came, as often as it is asked', async () => {
    await using file = await spool(of(70_000, 1), { room: createRoom(100_000), maxBytes: 70_001, tooLarge })
    expect([file.size, (await file.head(3)).length]).toEqual([70_001, 3])
    for (let i = 0; i < 2; i++) expect((await buffer(file.stream())).equals(Buffer.alloc(70_001, 'x'))).toBe(true)
  })

  it('may be empty', async () => {
    await using file = await spool(of(), { room: createRoom(0), maxBytes: 0, tooLarge })
    expect([file.size, (await file.head(3)).length, (await buffer(file.stream())).length]).toEqual([0, 0, 0])
  })

  it('shares its room with others, and gives it back on every end', async () => {
    const room = createRoom(100)
    const options = { room, maxBytes: 90, tooLarge }
    for (let i = 0; i < 3; i++) {
      await using _one = await spool(of(60), options)
      await expect(spool(of(30, 11), options)).rejects.toMatchObject({ code: 'overloaded' })
      await expect(spool(of(30, 61), options)).rejects.toMatchObject({ code: 'too_large' })
      await using _other = await spool(of(40), options)
    }
    await expect(spool(Readable.from(broken()), options)).rejects.toThrow('broken')
    await using _all = await spool(of(90), options)
    expect(() => room.take(11)).toThrow()
  })
})

async function* broken() {
  yield Buffer.alloc(50)
  throw new Error('broken')
}
