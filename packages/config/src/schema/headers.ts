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
