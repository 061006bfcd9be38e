import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, expect, it, onTestFinished } from 'vitest'
import { placeholderStorages, readPlaceholder } from './placeholder.ts'

const folder = await mkdtemp(path.join(tmpdir(), 'mortise-placeholder-'))
afterAll(() => rm(folder, { recursive: true, force: true }))

async function fileOf(bytes: string): Promise<string> {
  const file = path.join(folder, 'image')
  await writeFile(file, bytes, 'latin1')
  return file
}

it.each([
  ['\xff\xd8\xff\xe0\0\x10JFIF', 'image/jpeg'],
  ['\x89PNG\r\n\x1a\n\0\0', 'image/png'],
  ['GIF89a', 'image/gif'],
  ['RIFF\n\0\0\0WEBPVP8 ', 'image/webp'],
  ['\0\0\0\x20ftypavif', 'image/avif'],
  ['II*\0', 'image/tiff'],
  ['MM\0*', 'image/tiff'],
  ['<svg xmlns="http://www.w3.org/2000/svg"/>', 'image/svg+xml'],
  ['\xef\xbb\xbf<?xml version="1.0"?>\n<!-- a\nb -->\n<svg >', 'image/svg+xml'],
])('%j is %s', async (bytes, contentType) => {
  expect(await readPlaceholder(await fileOf(bytes))).toMatchObject({ contentType })
})

it.each(['', 'sorry', '<html><svg></svg></html>', 'RIFF\0\0\0\0AVI ', ' \xff\xd8\xff'])('%j is none', async bytes => {
  await expect(readPlaceholder(await fileOf(bytes))).rejects.toMatchObject({
    code: 'invalid_config',
    message: expect.stringMatching(/is no JPEG/),
  })
})

it('is an original for workers under a key that changes with it', async () => {
  const one = (await readPlaceholder(await fileOf('GIF89a one')))!
  const two = (await readPlaceholder(await fileOf('GIF89a two')))!
  expect(one.original.key).not.toBe(two.original.key)
  const [[name, storage] = [], [, nothing] = []] = await placeholderStorages(one)
  expect(name).toBe(one.original.storage)
  const { signal } = new AbortController()
  const found = await storage!.get(one.original, { signal })
  expect(found?.info.contentType).toBe('image/gif')
  expect(Buffer.from((await found?.bytes(100))!).toString()).toBe('GIF89a one')
  expect(await storage!.head(two.original, signal)).toBeNull()
  expect(await nothing!.head(one.derivative, signal)).toBeNull()
})

it('is given up when it never comes to an end', async () => {
  const server = createServer((_, response) => void response.writeHead(200).write('GIF89a'))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  })
  const address = server.address()
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/`
  await expect(readPlaceholder(url, { timeoutMs: 100 })).rejects.toThrow(/cannot be read: it takes too long$/)
})
