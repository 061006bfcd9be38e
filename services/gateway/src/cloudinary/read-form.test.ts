import { PassThrough, type Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { MortiseError } from '@mortise/errors'
import { describe, expect, it } from 'vitest'
import { readForm } from './read-form.ts'

const top = '--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n'
const file = '--x\r\nContent-Disposition: form-data; name="file"; filename="../f.jpg"\r\n\r\nbytes\r\n'

function setUp(maxBytes = 10_000) {
  const body = new PassThrough()
  const limit = new AbortController()
  const kept: string[] = []
  const disposed: string[] = []
  const keep = async (stream: Readable) => {
    const text = String(await buffer(stream))
    kept.push(text)
    return { text, [Symbol.asyncDispose]: async () => void disposed.push(text) }
  }
  const request = { contentType: 'multipart/form-data; boundary=x', body: () => body, signal: limit.signal, maxBytes }
  return { body, limit, kept, disposed, read: () => readForm(request, keep) }
}

describe('a form', () => {
  it('is its fields and its file, which it disposes of', async () => {
    const { body, disposed, read } = setUp()
    body.end(`${top}${file}${top}--x--\r\n`)
    {
      await using form = await read()
      const { fields, fileNames, file: found } = form
      expect([fields, [...fileNames]]).toEqual([
        [
          ['a', 'b'],
          ['a', 'b'],
        ],
        ['file'],
      ])
      expect(found).toMatchObject({ name: 'f.jpg', contentType: 'text/plain', kept: { text: 'bytes' } })
      expect(disposed).toEqual([])
    }
    expect(disposed).toEqual(['bytes'])
  })

  it.each([
    ['never ends', ({ limit }: ReturnType<typeof setUp>) => limit.abort(new MortiseError('cancelled', 'late')), 'late'],
    ['is too long', ({ body }: ReturnType<typeof setUp>) => void body.write(Buffer.alloc(10_000)), 'too large'],
    ['breaks off', ({ body }: ReturnType<typeof setUp>) => void body.destroy(new Error('gone')), 'malformed'],
    ['ends too soon', ({ body }: ReturnType<typeof setUp>) => void body.end(), 'malformed'],
  ])('that %s behind its file leaves nothing', async (_, spoil, message) => {
    const given = setUp()
    const read = given.read()
    given.body.write(file + top)
    await expect.poll(() => given.kept).toEqual(['bytes'])
    spoil(given)
    await expect(read).rejects.toThrow(message)
    expect(given.disposed).toEqual(['bytes'])
  })

  it('does not wait for a file behind what is refused', async () => {
    const { body, kept, read } = setUp()
    const reading = read()
    body.write(`${top.replace('; name="a"', '')}${file.slice(0, -4)}`)
    await expect(reading).rejects.toThrow('malformed')
    expect(kept).toEqual([])
  })

  it('is not begun when it is too late already', async () => {
    const { limit, read } = setUp()
    limit.abort(new MortiseError('cancelled', 'late'))
    await expect(read()).rejects.toThrow('late')
  })
})
