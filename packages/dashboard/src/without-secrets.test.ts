import { expect, it } from 'vitest'
import { withoutSecrets } from './without-secrets.ts'

it.each([
  ['https://example.org/mark.png?token=1', 'https://example.org/mark.png?***'],
  ['HTTP://user:word@example.org/mark.png', 'http://example.org/mark.png'],
  ['https://example.org/mark.png', 'https://example.org/mark.png'],
  ['https://[', '***'],
  ['/trip/cat.jpg?a=b', '/trip/cat.jpg?a=b'],
  ['file:/srv/mark.png', 'file:/srv/mark.png'],
])('shows %s as %s, wherever it stands', (text, shown) => {
  expect(withoutSecrets({ plans: [{ steps: [text, 1, null] }] })).toEqual({ plans: [{ steps: [shown, 1, null] }] })
})
