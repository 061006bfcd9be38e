import { parseTarget } from '@mortise/plan'
import type { BucketCall, Signed } from './call.ts'
import { forEach } from './concurrency.ts'
import { remove, targetOf } from './delete-object.ts'
import type { S3Deps } from './deps.ts'
import { replyTo, S3Error } from './error.ts'
import { readXml } from './read-xml.ts'
import { type Element, malformed, textOf, xmlResponse } from './xml.ts'

const maxKeys = 1000
const atOnce = 8

/** Each key by itself: one that cannot be deleted does not keep the others. */
export async function deleteObjects(call: Signed<BucketCall>, deps: S3Deps): Promise<Response> {
  const document = await readXml(call, 'Delete', deps)
  const quiet = textOf(document, 'Quiet')?.trim() === 'true'
  const objects = document.children.filter(({ name }) => name === 'Object')
  if (objects.length === 0 || objects.length > maxKeys) throw malformed()
  const keys = objects.map(readKey)
  const results = await forEach(keys, atOnce, async key => {
    try {
      const target = targetOf(call, `/${key}`)
      parseTarget(target)
      await remove({ ...call, key: `/${key}`, target }, deps)
      return null
    } catch (error) {
      const { s3Code, message } = replyTo(error)
      return { Key: key, Code: s3Code, Message: message }
    }
  })
  return xmlResponse('DeleteResult', {
    Deleted: quiet ? [] : keys.filter((_, index) => results[index] === null).map(Key => ({ Key })),
    Error: results.filter(result => result !== null),
  })
}

/** To delete what somebody wants to keep, if it is another one by now, would be a loss. */
const conditions = ['ETag', 'LastModifiedTime', 'Size']

function readKey(object: Element): string {
  const condition = conditions.find(name => textOf(object, name) !== undefined)
  if (condition !== undefined)
    throw new S3Error('NotImplemented', 'Deleting takes no conditions.', { Header: condition })
  const version = textOf(object, 'VersionId')
  if (version !== undefined && version !== 'null') throw malformed()
  return textOf(object, 'Key') || refuse()
}

function refuse(): never {
  throw malformed()
}
