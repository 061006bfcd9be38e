import type { Readable } from 'node:stream'
import { Busboy, type BusboyInstance } from '@fastify/busboy'
import { MortiseError } from '@mortise/errors'
import { feedForm } from '../s3/feed-form.ts'
import { type Reason, UploadRefusal } from './refusal.ts'
import type { Field } from './signature.ts'

export type Form<File extends AsyncDisposable> = AsyncDisposable & {
  fields: Field[]
  /** Names of fields that hold files. */
  fileNames: ReadonlySet<string>
  /** The first one called `file`; as it is called where it comes from, without folders. */
  file: { kept: File; name: string; contentType: string } | null
}

export type FormRequest = {
  contentType: string
  body(): Readable
  /** Aborted when the client leaves, or took too long. */
  signal: AbortSignal
  /** Of all of it. */
  maxBytes: number
}

const limits = { fieldSize: 64 * 1024, fields: 128, files: 8, parts: 136, headerPairs: 16, headerSize: 4096 }
/** Characters of all names and values. */
const maxText = 128 * 1024

/**
 * Reads a form to its end. `keep` is given the file when it comes, with the fields before it, and reads it to its end.
 * Throws an `UploadRefusal` for what is no form, what `keep` throws, and the reason of the signal; then what was kept is
 * disposed of.
 */
export async function readForm<File extends AsyncDisposable>(
  request: FormRequest,
  keep: (stream: Readable, fieldsBefore: readonly Field[]) => Promise<File>,
): Promise<Form<File>> {
  const parser = createParser(request.contentType)
  const fields: Field[] = []
  const fileNames = new Set<string>()
  let file = null as Incoming<File> | null
  const { promise: finished, resolve, reject } = Promise.withResolvers<void>()
  let failed = false
  const fail = (error: Error) => {
    failed = true
    reject(error)
    file?.stream.destroy(error)
  }
  const refuse = (reason: Reason) => () => fail(new UploadRefusal(reason))

  let text = 0
  parser.on('field', (name: string | undefined, value, _nameCut, cut) => {
    text += (name ?? '').length + value.length
    if (cut || text > maxText) refuse('tooMuchText')()
    else if (name === undefined) refuse('malformed')()
    else fields.push([name, value])
  })
  parser.on('file', (fieldName: string | undefined, stream, name, _encoding, contentType) => {
    fileNames.add(fieldName ?? '')
    stream.on('error', refuse('malformed'))
    // What failed before still hears of the rest of a chunk.
    if (fieldName !== 'file' || file || failed) return void stream.resume()
    const kept = keep(stream, fields)
    kept.catch(fail)
    file = { stream, kept, name: name ?? '', contentType }
  })
  for (const event of ['fieldsLimit', 'partsLimit'] as const) parser.on(event, refuse('tooMuchText'))
  parser.on('filesLimit', refuse('oneFile'))
  parser.on('error', refuse('malformed'))
  parser.on('finish', resolve)

  const close = feedForm(
    parser,
    { ...request, source: request.body() },
    {
      broken: refuse('malformed'),
      tooLarge: refuse('tooLarge'),
      aborted: () => fail(reasonOf(request.signal)),
    },
  )
  try {
    await finished
    return {
      fields,
      fileNames,
      file: file && { kept: await file.kept, name: file.name, contentType: file.contentType },
      [Symbol.asyncDispose]: () => discard(file),
    }
  } catch (error) {
    await discard(file)
    throw error
  } finally {
    close()
  }
}

type Incoming<File> = { stream: Readable; kept: Promise<File>; name: string; contentType: string }

async function discard(file: Incoming<AsyncDisposable> | null): Promise<void> {
  const kept = await file?.kept.catch(() => null)
  await kept?.[Symbol.asyncDispose]()
}

function reasonOf({ reason }: AbortSignal): Error {
  return reason instanceof MortiseError ? reason : new MortiseError('cancelled', 'the client left')
}

function createParser(contentType: string): BusboyInstance {
  if (!/^multipart\/form-data\s*(?:;|$)/i.test(contentType)) throw new UploadRefusal('notMultipart')
  try {
    const isPartAFile = (_field: string | undefined, _type: string | undefined, name: string | undefined) => !!name
    return new Busboy({ headers: { 'content-type': contentType }, limits, isPartAFile })
  } catch (cause) {
    throw new UploadRefusal('noBoundary', { cause })
  }
}
