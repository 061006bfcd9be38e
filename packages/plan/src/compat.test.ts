import { describe, expect, it } from 'vitest'
import { plannerWith, planOf } from './harness.ts'

describe("mort's way, where the configuration asks for it", () => {
  it.each<[string, object]>([
    ['watermark-position: /old/marked/a', { row: 1, column: 1 }],
    ['watermark-position: /old/marked_url/a', { row: 2, column: 0 }],
    [
      'watermark-position: /still/a?operation=watermark&opacity=1&image=http://a/b&position=top-right',
      { row: 0, column: 0 },
    ],
    ['not: /query/a?operation=watermark&opacity=1&image=http://a/b&position=top-right', { row: 0, column: 2 }],
  ])('%s', (text, place) => {
    expect(planOf(text.slice(text.indexOf('/'))).passes).toMatchObject([[place]])
  })

  it('still-gif: the output is still, and no GIF unless something better is negotiated', async () => {
    expect(planOf('/still/a?width=5').output).toMatchObject({ format: 'original', still: true })
    expect(planOf('/query/a?width=5').output).not.toHaveProperty('still')
    const by = await plannerWith('webp: ~')
    expect(planOf('/still/a?format=gif', ['webp'], by).output).toMatchObject({ format: 'webp', still: true })
    expect(planOf('/still/a?width=5').id).not.toBe(planOf('/query/a?width=5').id)
  })

  it('merge-sets: the sets of a chain are one pass', () => {
    expect(planOf('/merged/small/merged/auto/a').passes.length).toBe(1)
  })
})
