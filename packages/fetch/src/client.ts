import { type LookupAddress, lookup as resolve } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import type { MortiseError } from '@mortise/errors'
import { buildConnector, Client } from 'undici'
import type { AddressFilter } from './addresses.ts'
import { refusal } from './refusal.ts'

/** All addresses of a name. Like `dns.lookup` with `all`. */
export type Lookup = (
  name: string,
  options: { all: true },
  done: (error: Error | null, addresses: LookupAddress[]) => void,
) => void

/**
 * Makes a client for one request to an origin. It connects to no address but those that the filter lets through, and looks
 * at the addresses that are connected to, not at those of an earlier look: a name that changes its mind gains nothing.
 *
 * No connection is kept for a next time: the same image is fetched once in minutes, and strangers choose the hosts.
 */
export function clientMaker(mayConnect: AddressFilter, { timeoutMs, lookup = resolve }: ClientOptions): MakeClient {
  const times = { headersTimeout: timeoutMs, bodyTimeout: timeoutMs }
  return (origin, signal) => {
    // The signal ends a connection that is still being made, which a client by itself would wait for.
    const allowed = { timeout: timeoutMs, allowH2: false, lookup: filtered(lookup, mayConnect), signal }
    const connectTo = buildConnector(allowed)
    const connect: buildConnector.connector = (options, done) => {
      // There is no look-up for what is an address already.
      if (isIP(options.hostname) !== 0 && !mayConnect(options.hostname)) done(noAddress(), null)
      else connectTo(options, done)
    }
    return new Client(origin, { connect, pipelining: 0, allowH2: false, maxHeaderSize: 16 * 1024, ...times })
  }
}

export type MakeClient = (origin: string, signal: AbortSignal) => Client
export type ClientOptions = { timeoutMs: number; lookup?: Lookup | undefined }

function filtered(lookup: Lookup, mayConnect: AddressFilter): LookupFunction {
  return (name, options, done) => {
    lookup(name, { ...options, all: true }, (error, found) => {
      const [first, ...others] = error ? [] : found.filter(({ address }) => mayConnect(address))
      if (!first) done(noAddress(error), '')
      else if (options.all) done(null, [first, ...others])
      else done(null, first.address, first.family)
    })
  }
}

/** A name that does not exist and one that may not be fetched from look alike: nobody learns what the inside is called. */
function noAddress(cause?: unknown): MortiseError {
  return refusal('the host has no address that may be fetched from', cause)
}
