import { MortiseError } from '@mortise/errors'

/** The reason may reach a client: it names nothing that he has not named himself. The cause stays here. */
export function refusal(reason: string, cause?: unknown): MortiseError {
  return new MortiseError('invalid_request', reason, { cause })
}
