import { refusal } from './refusal.ts'

/** What may be asked for at all. The URL standard turns every spelling of an IPv4 address into the usual one. */
export function readTarget(text: string, base?: URL): URL {
  const url = URL.parse(text, base?.href)
  if (!url) throw refusal('no URL')
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw refusal('only http and https')
  if (url.username || url.password) throw refusal('no name and password in a URL')
  return url
}

/** Where an answer sends to, which is looked at like the first URL. */
export function redirectTarget(location: unknown, from: URL): URL {
  if (typeof location !== 'string') throw refusal('a redirect without a location')
  const to = readTarget(location, from)
  // Who asks for https wants nobody on the way to exchange the picture, and has agreed to nothing less.
  if (from.protocol === 'https:' && to.protocol === 'http:') throw refusal('a redirect from https to http')
  return to
}
