import type { Readable } from 'node:stream'
import { Busboy, type BusboyInstance } from '@fastify/busboy'
import { MortiseError } from '@mortise/errors'
import type { BucketCall } from './call.ts'
import { S3Error } from './error.ts'
import { feedForm } from './feed-form.ts'
import { one } from './object-headers.ts'
import type { Strangers } from './strangers.ts'

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

export type FormRequest = Pick<BucketCall, 'headers' | 'body' | 'signal'> & {
  /** Of all of it. */
  maxBytes: number
}

/**
 * Reads a form up to its file. What follows that is not looked at when the form is disposed of. Throws `S3Error`, and
 * `overloaded` when others who have not proven anything came after it and there are too many of them.
 */
export async function readForm({ headers, body, signal, maxBytes }: FormRequest, strangers: Strangers): Promise<Form> {
  const { promise, resolve, reject } = Promise.withResolvers<Omit<Form, keyof AsyncDisposable>>()
  const parser = createParser(one(headers, 'content-type') ?? '')
  let file: Readable | null = null
  let failed = false
  const fail = (error: Error) => {
    failed = true
    reject(error)
    file?.destroy(error)
  }
  const broken = () => fail(malformed())
  const fields = collectFields(parser, broken)
  parser.on('file', (name, stream, filename) => {
    // Its failure is told to whoever reads it; before that, here.
    stream.on('error', broken)
    // What failed before still hears of the rest of a chunk.
    if (name !== 'file' || file || failed) return void stream.resume()
    file = stream
    resolve({ fields: [...fields], file: stream, filename: filename ?? '' })
  })
  parser.on('error', broken)
  parser.on('finish', () =>
    reject(new S3Error('InvalidArgument', 'POST requires exactly one file upload per request.')),
  )
  const close = feedForm(parser, { source: body(), signal, maxBytes }, { broken, aborted: broken, tooLarge: broken })
  const late = setTimeout(() => fail(new S3Error('RequestTimeout', 'The form took too long.')), fieldsMs)
  using _place = strangers.enter(() => fail(new MortiseError('overloaded', 'too many forms at one time')))
  try {
    return { ...(await promise), [Symbol.asyncDispose]: async () => close() }
  } catch (error) {
    close()
    throw error
  } finally {
    clearTimeout(late)
  }
}

/** They come as the parser finds them. */
function collectFields(parser: BusboyInstance, fail: () => void): [name: string, value: string][] {
  const fields: [string, string][] = []
  let size = 0
  parser.on('field', (name: string | undefined, value, nameCut, valueCut) => {
    size += (name ?? '').length + value.length
    if (name === undefined || nameCut || valueCut || size > maxFields) fail()
    else fields.push([name, value])
  })
  parser.on('fieldsLimit', fail)
  return fields
}

function createParser(contentType: string): BusboyInstance {
  try {
    return new Busboy({ headers: { 'content-type': contentType }, limits })
  } catch {
    throw malformed()
  }
}

function malformed(): S3Error {
  return new S3Error('MalformedPOSTRequest', 'The body of your POST request is not well-formed multipart/form-data.')
}
