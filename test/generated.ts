/**
 * Puts `content` between `<!-- NAME -->` and `<!-- end of NAME -->`. Throws when the marks are not there, so that a
 * generated part cannot quietly stop being one.
 */
export function replaceBetween(text: string, name: string, content: string): string {
  const [start, end] = [`<!-- ${name} -->\n`, `<!-- end of ${name} -->`]
  const from = text.indexOf(start)
  const to = text.indexOf(end)
  if (from < 0 || to < from) throw new Error(`there are no marks of ${name}`)
  return `${text.slice(0, from + start.length)}${content}\n${text.slice(to)}`
}
