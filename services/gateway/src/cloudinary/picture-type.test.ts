import { expect, it } from 'vitest'
import { pictureType } from './picture-type.ts'

it.each([
  ['image/jpeg', '', 'image/jpeg'],
  ['IMAGE/SVG+XML', '<svg', 'image/svg+xml'],
  ['image/', '', null],
  ['image/a/b', '', null],
  ['image/png\r\nx: y', '', null],
  ['text/plain', '\xff\xd8\xff', null],
  ['application/octet-stream', '\xff\xd8\xff\xe0', 'image/jpeg'],
  ['application/octet-stream', '\x89PNG\r\n\x1a\n', 'image/png'],
  ['application/octet-stream', 'GIF89a', 'image/gif'],
  ['application/octet-stream', 'RIFF\n\0\0\0WEBP', 'image/webp'],
  ['application/octet-stream', 'RIFF\0\0\0\0WAVE', null],
  ['application/octet-stream', 'MM\0*', 'image/tiff'],
  ['application/octet-stream', '\0\0\0\x20ftypavif', 'image/avif'],
  ['application/octet-stream', '\0\0\0\x20ftypheic', 'image/heic'],
  ['application/octet-stream', '\0\0\0\x20ftypisom', null],
  ['application/octet-stream', '<svg xmlns=', null],
  ['application/octet-stream', '', null],
])('what is called %j and begins with %j is %j', (said, head, type) => {
  expect(pictureType(said, Buffer.from(head, 'latin1'))).toBe(type)
})
