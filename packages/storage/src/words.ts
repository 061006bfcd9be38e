/**
 * Text that cannot stand in a header as it is, or not in one that is signed, as an encoded word (RFC 2047), which is the
 * form that S3 itself uses for it.
 */
export function encodeWords(text: string): string {
  const plain = /^[\x20-\x7e]*$/.test(text) && !/^ | $| {2}|=\?/.test(text)
  return plain ? text : `=?UTF-8?B?${Buffer.from(text).toString('base64')}?=`
}

export function decodeWords(text: string): string {
  return text.replace(/=\?utf-8\?b\?([\w+/=]*)\?=/gi, (_, word: string) => Buffer.from(word, 'base64').toString())
}
