import { describe, expect, it } from 'vitest'
import { compileTemplate } from './http-url.ts'

const place = (key: string, container = 'photos') => ({ container, key, folder: false })

describe('the URL of an object', () => {
  it.each([
    ['http://host<item>', 'a/b.jpg', 'http://host/a/b.jpg'],
    ['http://host/<item>', 'a/b.jpg', 'http://host/a/b.jpg'],
    ['http://host:8080/<container><item>', 'a.jpg', 'http://host:8080/photos/a.jpg'],
    ['http://host/<container>/<item>', 'a.jpg', 'http://host/photos/a.jpg'],
    ['https://<container>.host/x<item>?sig=1', 'a.jpg', 'https://photos.host/x/a.jpg?sig=1'],
    [
      'https://host/get?file=<item>&c=<container>',
      'a/b&c=d+e.jpg',
      'https://host/get?file=/a/b%26c%3Dd%2Be.jpg&c=photos',
    ],
    ['https://host/fixed.jpg', 'a.jpg', 'https://host/fixed.jpg'],
    // Only the first of each is replaced.
    ['http://host<item>/<item>', 'a', 'http://host/a/%3Citem%3E'],
    ['http://host<item>', '$&<item>$1', 'http://host/$&%3Citem%3E$1'],
  ])('by %s of %s is %s', (template, key, url) => {
    expect(compileTemplate(template, {}).urlOf(place(key)).href).toBe(url)
  })

  it.each([
    ["a b+c,d;e=f:g@h!i~j*k'(l)&m.jpg", "a%20b+c,d;e=f:g@h!i~j*k'(l)&m.jpg"],
    ['a?b#c', 'a%3Fb%23c'],
    ['100%25/%2e%2e/%2F', '100%2525/%252e%252e/%252F'],
    ['Grüße/日.jpg', 'Gr%C3%BC%C3%9Fe/%E6%97%A5.jpg'],
    ['folder/', 'folder/'],
  ])('writes the key %s as %s', (key, written) => {
    expect(compileTemplate('http://host<item>', {}).urlOf(place(key)).href).toBe(`http://host/${written}`)
  })

  it('begins the item of a query with a slash unless there is a prefix, as in mort', () => {
    const template = 'http://host/?f=<item>'
    expect(compileTemplate(template, { pathPrefix: 'x' }).urlOf(place('x/a')).search).toBe('?f=x/a')
    expect(compileTemplate('http://host<item>', { pathPrefix: 'x' }).urlOf(place('x/a')).pathname).toBe('/x/a')
  })

  it.each(['a b', 'a#b', 'a@b', 'a?b', 'a:b'])('refuses the container "%s" in a host', container => {
    const { urlOf } = compileTemplate('http://<container>.host<item>', {})
    expect(() => urlOf(place('a', container))).toThrow(expect.objectContaining({ code: 'invalid_request' }))
  })

  it.each(['', 'host<item>', '/<item>', 'ftp://host<item>', 'file:///<item>', 'http://<item>:99999'])(
    'cannot be made from the template "%s"',
    template => {
      expect(() => compileTemplate(template, {})).toThrow(expect.objectContaining({ code: 'invalid_config' }))
    },
  )
})
