import type { Report } from '../report.ts'
import type { HeaderRule } from '../types.ts'
import { list, map, section } from './section.ts'
import { bool, int, text } from './setting.ts'

/** Global response headers: the first rule that names the status is applied. */
export const headerRules = list(
  section(
    {
      statusCodes: list(int('A status.'), 'Statuses that the rule is for.'),
      override: bool('Replace headers that the response has; otherwise only missing ones are added.'),
      values: map(text('The value.'), 'Header names and values. A name in lower case always replaces.'),
    },
    'A rule.',
  ),
  'Rules for response headers; the first one that names the status is applied.',
)

export function checkHeaderRules(rules: readonly HeaderRule[], report: Report): void {
  const first = new Map<number, number>()
  rules.forEach(({ statusCodes, values }, index) => {
    const again = statusCodes.filter(status => (first.get(status) ?? index) !== index)
    for (const status of statusCodes) if (!first.has(status)) first.set(status, index)
    if (again.length > 0) {
      const earlier = [...new Set(again.map(status => `headers[${first.get(status)}]`))].join(' and ')
      report.warn(
        [index, 'statusCodes'],
        `has no effect on ${[...new Set(again)].join(', ')}, for which ${earlier} stands`,
      )
    }
    checkHeaders(values, report.below(index, 'values'))
  })
}

/** What no response can hold (RFC 9110, section 5.5) is left out of all of them, which nobody would notice. */
export function checkHeaders(values: Record<string, string>, report: Report): void {
  for (const [name, value] of Object.entries(values)) {
    if (!legalName.test(name)) report.warn([name], 'is no name of a header, and is left out')
    else if (/[\r\n]/.test(value)) report.warn([name], 'has a line break in its value, and is left out')
    else if (!legalValue.test(value))
      report.warn([name], 'has a value outside of Latin-1, or with controls, and is left out')
  }
}

const legalName = /^[!#$%&'*+.^_`|~\w-]+$/
const legalValue = /^[\t\x20-\x7e\x80-\xff]*$/
