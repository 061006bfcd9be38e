import { MortiseError } from '@mortise/errors'
import type { Agent } from 'undici'
import { asError } from './body.ts'

export type SwiftLogin = { oracleUsername: string; oraclePassword: string; oracleAuthEndpoint: string }

/** What a login gives: the URL of the account, without a slash at its end, and the token for it. */
export type SwiftToken = {
  origin: string
  path: string
  token: string
  /** When it was last accepted, on the clock of `performance.now`. */
  provedAt: number
}

/**
 * Returns the login of version 1: one request to the endpoint, which answers with headers. `storage_unavailable` when it
 * refuses. Throws `invalid_config` for what cannot be a login.
 */
export function createSwiftLogin(login: SwiftLogin, agent: Agent, timeoutMs: number) {
  const { oracleUsername, oraclePassword, oracleAuthEndpoint } = login
  const endpoint = URL.parse(oracleAuthEndpoint)
  if (!endpoint || !schemes.has(endpoint.protocol)) throw invalid('oracleAuthEndpoint is no URL of http or https')
  for (const [name, value] of Object.entries({ oracleUsername, oraclePassword })) {
    if (!sendable.test(value)) throw invalid(`${name} is empty or cannot be sent in a header`)
  }
  const headers = { 'x-auth-user': oracleUsername, 'x-auth-key': oraclePassword }
  const name = `oracle ${endpoint.origin}${endpoint.pathname}`

  async function logIn(signal: AbortSignal): Promise<SwiftToken> {
    const {
      statusCode,
      headers: said,
      body,
    } = await agent.request({
      origin: endpoint!.origin,
      path: endpoint!.pathname + endpoint!.search,
      method: 'GET',
      headers,
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    })
    await body.dump({ limit: 16 * 1024 }).catch(() => {})
    const account = URL.parse(String(said['x-storage-url'] ?? ''))
    const token = said['x-auth-token']
    if (statusCode >= 300) throw new Error(`the login was answered ${statusCode}`)
    if (!account || !schemes.has(account.protocol) || typeof token !== 'string') {
      throw new Error('the login was answered without X-Storage-Url or X-Auth-Token')
    }
    const path = account.pathname.replace(/\/+$/, '')
    return { origin: account.origin, path, token, provedAt: performance.now() }
  }

  return async (signal: AbortSignal): Promise<SwiftToken> => {
    try {
      return await logIn(signal)
    } catch (error) {
      throw new MortiseError('storage_unavailable', `${name}: ${asError(error).message}`, { cause: error })
    }
  }
}

const schemes = new Set(['http:', 'https:'])

/** RFC 9110, section 5.5, in ASCII. */
const sendable = /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/

function invalid(why: string): MortiseError {
  return new MortiseError('invalid_config', `oracle: ${why}`)
}
