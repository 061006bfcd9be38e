/** The data of a job to look at: addresses of images, which presets may name, without what opens doors. */
export function withoutSecrets(data: unknown): unknown {
  if (typeof data === 'string') return withoutCredentials(data)
  if (Array.isArray(data)) return data.map(withoutSecrets)
  if (typeof data !== 'object' || data === null) return data
  return Object.fromEntries(Object.entries(data).map(([name, value]) => [name, withoutSecrets(value)]))
}

function withoutCredentials(text: string): string {
  if (!/^https?:/i.test(text)) return text
  const url = URL.parse(text)
  if (!url) return '***'
  return `${url.origin}${url.pathname}${url.search === '' ? '' : '?***'}`
}
