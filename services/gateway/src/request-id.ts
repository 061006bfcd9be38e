import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'

const name = 'x-request-id'
const maxLength = 128

/** Gives the response the id under which the request is in the log: the client's own, as far as it is harmless, or a new one. */
export function identify({ headers }: IncomingMessage, response: ServerResponse): void {
  if (!response.hasHeader(name)) response.setHeader(name, cleanId(headers[name]) || randomUUID())
}

export function requestIdOf(response: ServerResponse): string | undefined {
  const id = response.getHeader(name)
  return id === undefined ? undefined : String(id)
}

/** Only characters that mean nothing to whoever reads logs. */
export function cleanId(given: string | string[] | undefined): string {
  return String(given ?? '')
    .slice(0, maxLength)
    .replace(/[^\w.:+=@~/-]/g, '')
}
