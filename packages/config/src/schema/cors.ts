import { list, section } from './section.ts'
import { int, text } from './setting.ts'

/** Ours. For pages of other origins: uploads from a browser for one. */
export const cors = section(
  {
    origins: list(text('An origin.'), 'Origins that may ask: `https://example.com`. Absent: all.'),
    methods: list(text('A method.'), 'Methods that they may use. Absent: POST, GET, OPTIONS, HEAD.'),
    headers: list(text('A name.'), 'Request headers that they may send; `*` is any that they ask for.'),
    exposeHeaders: list(text('A name.'), 'Response headers that they may read.'),
    maxAge: int('Seconds for which a browser may keep the answer.', { min: 0, max: 86_400 }),
  },
  'What browsers are told about requests from pages of other origins. What is absent is as in mort.',
)
