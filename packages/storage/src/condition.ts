import { MortiseError } from '@mortise/errors'
import type { NewObject, ObjectInfo } from './storage.ts'

type Condition = Pick<NewObject, 'ifAbsent' | 'ifMatch'>

export function isConditional({ ifAbsent, ifMatch }: Condition): boolean {
  return ifAbsent === true || ifMatch !== undefined
}

/** Throws `precondition_failed` when the object that is there is not what a put demands (RFC 9110, section 13.1). */
export function checkCondition({ ifAbsent, ifMatch }: Condition, there: ObjectInfo | null): void {
  if (ifAbsent && there) throw preconditionFailed('there is an object already')
  if (ifMatch === undefined) return
  if (!there) throw preconditionFailed('there is no object')
  const matches = ifMatch === '*' || (!there.weak && there.etag === ifMatch)
  if (!matches) throw preconditionFailed('the object has another tag')
}

export function preconditionFailed(why: string): MortiseError {
  return new MortiseError('precondition_failed', why)
}
