import { appendFile, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openFile } from './open-file.ts'

const never = new AbortController().signal

describe('an open file', () => {
  it('lets a read that is under way end before it closes, and begins no other', async () => {
    const file = await open('0123456789')
    const target = Buffer.alloc(4)
    const reading = file.read(target, 2, never)
    await Promise.all([file.close(), file.close()])
    await reading
    expect(target.toString()).toBe('2345')
    await expect(file.read(target, 0, never)).rejects.toMatchObject({ code: 'internal' })
    expect(() => file.isUnchanged()).toThrow(expect.objectContaining({ code: 'internal' }))
  })

  it('says so when it ends too early', async () => {
    const file = await open('0123')
    await expect(file.read(Buffer.alloc(5), 0, never)).rejects.toMatchObject({ code: 'storage_unavailable' })
    await file.close()
  })

  it.each([
    ['more bytes', (path: string) => appendFile(path, '4')],
    ['another time', (path: string) => utimes(path, 1, 1)],
  ])('is changed by %s', async (_, change) => {
    const file = await open('0123')
    expect(file.isUnchanged()).toBe(true)
    await change(file.path)
    expect(file.isUnchanged()).toBe(false)
    await file.close()
  })
})

async function open(content: string) {
  const folder = await mkdtemp(join(tmpdir(), 'mortise-storage-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const path = join(folder, 'file')
  await writeFile(path, content)
  return (await openFile(path))!
}
