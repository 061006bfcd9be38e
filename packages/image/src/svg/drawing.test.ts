import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { drawingMs, readDrawing } from './drawing.ts'
import { readSvg } from './read.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const svg = (body: string, before = '') =>
  bytes(`${before}<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">${body}</svg>`)
const rect = '<rect width="9" height="9"/>'

const look = (file: Uint8Array) => {
  try {
    return readDrawing(readSvg(file))
  } catch (error) {
    return (error as { code?: string }).code
  }
}
const pictureOf = (size: number, type = 'png') => `data:image/${type};base64,${Buffer.alloc(size).toString('base64')}`
const work = (body: string) => readDrawing(readSvg(svg(body)))

/** A group that shows the one before it twice, and so on. */
function doubling(levels: number, name = 'g', attribute = (id: string) => `<use href="#${id}"/>`) {
  const groups = Array.from({ length: levels }, (_, i) => {
    return `<${name} id="a${i + 1}">${attribute(`a${i}`).repeat(2)}</${name}>`
  })
  return `<defs><${name} id="a0">${rect}</${name}>${groups.join('')}</defs>`
}

describe('an SVG is drawn', () => {
  it.each<[string, Uint8Array]>([
    ['as it usually is', svg(rect, '<?xml version="1.0" encoding="UTF-8"?>\n<!-- by hand -->\n')],
    ['in another encoding', svg(rect, '<?xml version="1.0" encoding="ISO-8859-1"?>')],
    ['with a byte order mark', svg(rect, '\ufeff')],
    [
      'with a document type',
      svg(rect, '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/svg11.dtd">'),
    ],
    [
      'with entities for its namespaces',
      svg('<g xmlns:i="&ns_ai;"/>', '<!DOCTYPE svg [<!ENTITY ns_ai "http://ns.adobe.com/ai/10/">\n]>'),
    ],
    ['with a link, which is not followed', svg(`<a href="https://example.org">${rect}</a>`)],
    ['with a picture beside it, which is not loaded', svg('<image href="cat.png" width="9" height="9"/>')],
    ['with text that speaks of data:', svg('<text>data: 5</text><!-- data: -->')],
    ['with a picture in it', svg(`<image href="${pictureOf(600_000)}"/>`)],
    ['with a photo by the old name', svg(`<image x:href=" ${pictureOf(9, 'jpeg').replace(',', ',\n')}" xmlns:x="x"/>`)],
    ['with a picture for a filter', svg(`<filter><feImage href="${pictureOf(9)}"/></filter>`)],
    ['with a prefix', bytes('<s:svg xmlns:s="http://www.w3.org/2000/svg" width="9" height="9"/>')],
  ])('%s', (_name, file) => {
    expect(look(file)).toMatchObject({ layers: 0 })
  })
})

describe('an SVG is refused', () => {
  const png = 'data:image/png;base64,iVBORw0KGgo='
  it.each<[string, Uint8Array, string]>([
    ['when it is no XML', svg('<rect>'), 'undecodable'],
    ['when it is HTML', bytes('<html><svg/></html>'), 'undecodable'],
    ['when it is empty', bytes(''), 'undecodable'],
    ['in an encoding that could hide a tag', svg(rect, '<?xml version="1.0" encoding="UTF-7"?>'), 'undecodable'],
    ['with an entity for a file', svg('&a;', '<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///x">]>'), 'invalid_request'],
    [
      'with entities of entities',
      svg('&b;', '<!DOCTYPE svg [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]>'),
      'invalid_request',
    ],
    ['with an entity for elements', svg('&a;', '<!DOCTYPE svg [<!ENTITY a "<g/>">]>'), 'invalid_request'],
    ['with an entity for its own type', svg('', '<!DOCTYPE svg [<!ENTITY % a "b"> %a;]>'), 'invalid_request'],
    [
      'with attributes that nobody wrote',
      svg(rect, '<!DOCTYPE svg [<!ATTLIST rect filter CDATA "url(#f)">]>'),
      'invalid_request',
    ],
    [
      'with such attributes behind an entity',
      svg(rect, '<!DOCTYPE svg [<!ENTITY a "b"><!ATTLIST rect filter CDATA "url(#f)">]>'),
      'invalid_request',
    ],
    ['with a filter that is spelled oddly', svg('<rect filter="u\\72l(#f)"/>'), 'invalid_request'],
    ['with a style that is spelled oddly', svg('<rect style="f\\69lter:url(#f)"/>'), 'invalid_request'],
    ['with one id for all', svg('<g id="a"/>'.repeat(101)), 'invalid_request'],
    ['with an entity that nobody declared', svg('&a;'), 'undecodable'],
    ...['gif', 'webp', 'avif', 'svg+xml', 'png,x', 'png;charset=x'].map((type): [string, Uint8Array, string] => [
      `with a picture of the type ${type}`,
      svg(`<image href="${pictureOf(9, type)}"/>`),
      'invalid_request',
    ]),
    ['with a picture that is not in base64', svg('<image href="data:image/png,%89PNG"/>'), 'invalid_request'],
    ['with a picture elsewhere', svg(`<a href="${png}"/>`), 'invalid_request'],
    [
      'with pixels between the pixels',
      svg('<filter><feDiffuseLighting kernelUnitLength=".01"/></filter>'),
      'invalid_request',
    ],
    ['with a picture that is spelled oddly', svg('<text href=" D&#97;t&#x9;a:image/png;base64,"/>'), 'invalid_request'],
    ['with a picture for a paint', svg(`<rect fill="url(${png})"/>`), 'invalid_request'],
    ['with a picture in its styles', svg(`<style>rect{fill:url( ${png})}</style>`), 'invalid_request'],
    ['with a style sheet in front', svg(rect, '<?xml-stylesheet href="data:text/css,g{}"?>'), 'invalid_request'],
    ['with a style sheet in a style sheet', svg('<style>@IMPORT "a.css"</style>'), 'invalid_request'],
    ['with a style sheet that hides what it says', svg('<style>@\\69mport "a.css"</style>'), 'invalid_request'],
    ['with text from somewhere else', svg('<include href="data:text/plain,x"/>'), 'invalid_request'],
    ['with too much besides its picture', svg(`${'<g/>'.repeat(140_000)}<image href="${png}"/>`), 'limit_exceeded'],
    ['with elements in elements', svg(`${'<g>'.repeat(300)}${'</g>'.repeat(300)}`), 'limit_exceeded'],
    [
      'with references in line',
      svg(Array.from({ length: 600 }, (_, i) => `<g id="a${i}"><use href="#a${i + 1}"/></g>`).join('')),
      'limit_exceeded',
    ],
    [
      'with many styles for many elements',
      svg(`<style>${'g g{fill:red}'.repeat(2000)}</style>${'<g/>'.repeat(2000)}`),
      'limit_exceeded',
    ],
  ])('%s', (_name, file, code) => {
    expect(look(file)).toBe(code)
  })
})

describe('the work of an SVG', () => {
  it('is that of its shapes, wherever they are used', () => {
    const { once, perMegapixel } = work(rect)
    expect(work(`${doubling(20)}<use href="#a20"/>`).once).toBeCloseTo(once * 2 ** 20, 0)
    expect(work(`<g>${rect}${rect}</g>`).perMegapixel).toBe(perMegapixel * 2)
    expect(work(`<defs>${rect}</defs>`).perMegapixel).toBe(0)
  })

  it('ends where something uses itself', () => {
    expect(work('<g id="a"><use href="#b"/></g><g id="b"><use href="#a"/></g>').once).toBe(0)
  })

  it.each<[string, string]>([
    ['use', doubling(20).replace('</defs>', '</defs><use href="#a20"/>')],
    ['masks', `${doubling(20, 'mask', id => `<rect mask="url(#${id})"/>`)}<rect mask="url('#a20')"/>`],
    ['patterns', `${doubling(20, 'pattern', id => `<rect fill="url(#${id})"/>`)}<rect style="fill: url(#a20)"/>`],
    [
      'markers',
      `${doubling(20, 'marker', id => `<path d="M0 0L9 9" marker-mid="url(#${id})"/>`)}
      <path d="M0 0L9 9" style="marker-mid:url(#a20)"/>`,
    ],
    ['clips', `${doubling(20, 'clipPath', id => `<rect clip-path="url(#${id})"/>`)}<rect clip-path="url(#a20)"/>`],
    ['filters', '<filter id="f"><feGaussianBlur/></filter>'.concat('<rect filter="url(#f)"/>'.repeat(1000))],
    [
      'filters by class',
      '<filter id="f"><feGaussianBlur/></filter><style>/* } */ .a, g .b{filter:url(#f)}</style>'.concat(
        '<rect class="b a"/>'.repeat(1000),
      ),
    ],
    ...['URL( "#f")', '/* */url(#f)', 'url(#f) url(#f)'].map((value): [string, string] => [
      `filters that are written ${value}`,
      `<filter id="f"><feGaussianBlur/></filter>${`<rect style='filter/* */: ${value}'/>`.repeat(1000)}`,
    ]),
    ['use with a space', doubling(20).replace('</defs>', '</defs><use href=" #a20 "/>')],
    [
      'filters of which another has the id',
      '<filter id="f"/><filter id="f"><feGaussianBlur/></filter>'.concat('<rect filter="url(#f)"/>'.repeat(1000)),
    ],
    ['functions of one filter', `<rect style="filter:${'blur(9px) '.repeat(1000)}"/>`],
    ['filters without an element', '<rect style="filter:blur(9px)"/>'.repeat(1000)],
    ['turbulence', '<filter id="f"><feTurbulence/></filter>'.concat('<rect filter="url(#f)"/>'.repeat(1000))],
    ['layers', doubling(20).replace('<rect', '<rect opacity=".5"').replace('</defs>', '</defs><use href="#a20"/>')],
    [
      'parts of a merge',
      `<filter id="f"><feMerge>${'<feMergeNode/>'.repeat(500)}</feMerge></filter><rect filter="url(#f)"/>`,
    ],
    [
      'coefficients',
      '<filter id="f"><feConvolveMatrix order="20"/></filter>'.concat('<rect filter="url(#f)"/>'.repeat(5)),
    ],
    ['pictures', `<image id="p" href="${pictureOf(1_000_000)}"/>${'<use href="#p"/>'.repeat(800)}`],
    ['arcs', `<path d="M0 0${' A9 9 0 1 1 5 5'.repeat(20_000)}"/>`],
    ['short dashes', '<path d="M0 0L999 999" stroke-dasharray=".01"/>'.repeat(100)],
    [
      'gradients of many stops',
      `<radialGradient id="g">${'<stop/>'.repeat(9999)}</radialGradient>
      ${'<rect fill="url(#g)"/>'.repeat(2000)}`,
    ],
    ['long text', `<text>${'Mortise '.repeat(10_000)}</text>`],
    ['many markers', `<marker id="m"/><path marker-mid="url(#m)" d="M0 0${' L9 9'.repeat(60_000)}"/>`],
    [
      'a paint that is handed down',
      `${doubling(10, 'pattern', id => `<rect fill="url(#${id})"/>`)}
      <g fill="url(#a10)">${rect.repeat(1000)}</g>`,
    ],
  ])('is over 100 s at 1 megapixel for a lot of %s', (_name, body) => {
    expect(drawingMs(work(body), 1e6, 1000)).toBeGreaterThan(100_000)
  })

  it.each<[string, string]>([
    [
      '2000 shapes with gradients',
      `<linearGradient id="g"><stop offset="0"/></linearGradient>${'<path d="M0 0L9 9z" fill="url(#g)"/>'.repeat(2000)}`,
    ],
    [
      '10 soft shadows',
      `<filter id="f"><feOffset/><feGaussianBlur/><feBlend/></filter>${'<rect filter="url(#f)"/>'.repeat(10)}`,
    ],
    ['500 dashed lines', '<path d="M0 0L9 9" stroke-dasharray="4 4"/><path stroke-dasharray="0"/>'.repeat(500)],
    ['2000 curves', `<path d="M0 0${'c1.5 2.5 3.5 4.5 5.5 6.5'.repeat(100)}"/>`.repeat(20)],
    ['a page of text', '<text>A line of text, as long as they are, in a diagram.</text>'.repeat(100)],
    ['100 clipped groups', `<clipPath id="c">${rect}</clipPath>${`<g clip-path="url(#c)">${rect}</g>`.repeat(100)}`],
  ])('is under 15 s at 1 megapixel for %s', (_name, body) => {
    expect(drawingMs(work(body), 1e6, 1000)).toBeLessThan(15_000)
  })

  it('has as many layers as lie in one another', () => {
    expect(work(`<g opacity=".5"><g style="mix-blend-mode:multiply">${rect}</g></g><g opacity=".5"/>`).layers).toBe(2)
    expect(work(`<style>g{opacity:.5}</style>${'<g>'.repeat(100)}${rect}${'</g>'.repeat(100)}`).layers).toBe(100)
    expect(work(`<g opacity="1" filter="none" mask="none">${rect}</g>`).layers).toBe(0)
  })

  it('is told or refused with a code, whatever the text is', () => {
    const part = fc.constantFrom(
      ...[
        '<svg>',
        '</svg>',
        '<g id="a" ',
        'filter="url(#a)"',
        '>',
        '/>',
        '</g>',
        '<style>',
        '</style>',
        'g{',
        '}',
        '<!--',
      ],
      ...[
        '-->',
        '<![CDATA[',
        ']]>',
        '<!DOCTYPE svg [',
        '<!ENTITY a "b">',
        ']>',
        '&a;',
        '<use href="#a"/>',
        '<?xml',
        '?>',
      ],
      ...['url(', ';opacity:.5', '*/', '/*', 'é', '\u0000'],
    )
    fc.assert(
      fc.property(fc.array(part, { maxLength: 30 }), fc.boolean(), (parts, whole) => {
        const result = look(whole ? svg(parts.join('')) : bytes(parts.join('')))
        expect(result).toSatisfy(
          found => typeof found === 'object' || ['undecodable', 'invalid_request', 'limit_exceeded'].includes(found),
        )
      }),
      { numRuns: 3000 },
    )
  })
})
