import type { Readable } from 'node:stream'
import { Busboy } from '@fastify/busboy'
import type { BucketCall } from './call.ts'
import { S3Error } from './error.ts'
import { one } from './object-headers.ts'

export type Form = AsyncDisposable & {
  /** Those before the file. */
  fields: [name: string, value: string][]
  /** The bytes of the file; they wait until they are read. */
  file: Readable
  /** As the browser calls it, without its folders. */
  filename: string
}

/** Nobody has proven anything yet: all that comes before the file is short, and comes soon. */
const limits = { fieldNameSize: 256, fieldSize: 32 * 1024, fields: 64, files: 1, headerPairs: 16 }
const maxFields = 64 * 1024
const fieldsMs = 30_000

/** Reads a form up to its file. What follows that is passed over when the form is disposed of. */
export async function readForm({ headers, body, signal }: BucketCall): Promise<Form> {
  const { promise, resolve, reject } = Promise.withResolvers<Omit<Form, keyof AsyncDisposable>>()
  const fields: [string, string][] = []
  const parser = createParser(one(headers, 'content-type') ?? '')
  const source = body()
  let size = 0
  let file: Readable | null = null
  const fail = () => {
    const error = malformed()
    reject(error)
    file?.destroy(error)
  }
  parser.on('field', (name, value, nameCut, valueCut) => {
    size += name.length + value.length
    if (nameCut || valueCut || size > maxFields) fail()
    else if (!file) fields.push([name, value])
  })
  parser.on('file', (name, stream, filename) => {
    // Its failure is told to whoever reads it; before that, here.
    stream.on('error', fail)
    if (name !== 'file' || file) return void stream.resume()
    file = stream
    resolve({ fields, file: stream, filename: filename ?? '' })
  })
  parser.on('fieldsLimit', fail)
  parser.on('error', fail)
  parser.on('finish', () =>
    reject(new S3Error('InvalidArgument', 'POST requires exactly one file upload per request.')),
  )
  source.on('error', fail)
  source.on('aborted', fail)
  signal.addEventListener('abort', fail, { once: true })
  source.pipe(parser)
  const late = setTimeout(fail, fieldsMs)
  const close = async () => {
    signal.removeEventListener('abort', fail)
    source.off('error', fail).off('aborted', fail).unpipe(parser)
    file?.resume()
    source.resume()
  }
  try {
    return { ...(await promise), [Symbol.asyncDispose]: close }
  } catch (error) {
    await close()
    throw error
  } finally {
    clearTimeout(late)
  }
}

function createParser(contentType: string) {
  try {
    return new Busboy({ headers: { 'content-type': contentType }, limits })
  } catch {
    throw malformed()
  }
}

function malformed(): S3Error {
  return new S3Error('MalformedPOSTRequest', 'The body of your POST request is not well-formed multipart/form-data.')
}
