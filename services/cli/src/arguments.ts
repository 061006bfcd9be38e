/** Where mort looks for its configuration when it is not told. */
const defaultFile = '/etc/mort/mort.yml'

/**
 * mort has no commands, only the flags `-config PATH` and `-version`, with one dash or two, with a space or `=`. They
 * mean `serve --config PATH` and `--version`; nothing at all means its default file, where there is one.
 */
export function readArguments(given: readonly string[], exists: (file: string) => boolean): string[] {
  const [first, ...rest] = given
  if (first === undefined) return exists(defaultFile) ? ['serve', '--config', defaultFile] : []
  const [, flag, value] = /^--?(config|version)(?:=(.*))?$/s.exec(first) ?? []
  if (flag === 'version') return ['--version']
  if (flag === 'config') return ['serve', '--config', ...(value === undefined ? [] : [value]), ...rest]
  return [...given]
}
