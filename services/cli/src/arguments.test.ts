import { describe, expect, it } from 'vitest'
import { readArguments } from './arguments.ts'

describe('arguments of mort', () => {
  const served = ['serve', '--config', '/etc/mort/mort.yml']
  it.each([
    ['-config /srv/mort.yml', ['serve', '--config', '/srv/mort.yml']],
    ['--config /srv/mort.yml', ['serve', '--config', '/srv/mort.yml']],
    ['-config=/srv/mort.yml', ['serve', '--config', '/srv/mort.yml']],
    ['--config=/srv/a=b.yml', ['serve', '--config', '/srv/a=b.yml']],
    ['-config= ', ['serve', '--config', '', '']],
    ['-config', ['serve', '--config']],
    ['-config f --listen :80', ['serve', '--config', 'f', '--listen', ':80']],
    ['-version', ['--version']],
    ['--version', ['--version']],
    ['-version=true', ['--version']],
    ['serve --config f', ['serve', '--config', 'f']],
    ['serve', ['serve']],
    ['--help', ['--help']],
    ['-configs f', ['-configs', 'f']],
  ])('%s', (text, means) => {
    expect(readArguments(text.split(' '), () => true)).toEqual(means)
  })

  it('are none where its default file is: that file is served', () => {
    expect(readArguments([], file => file === '/etc/mort/mort.yml')).toEqual(served)
  })

  it('are none without that file: there is only the help', () => {
    expect(readArguments([], () => false)).toEqual([])
  })
})
