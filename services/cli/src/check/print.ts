import { styleText } from 'node:util'
import { type ConfigIssue, printIssue } from '@mortise/config'
import type { PresetDescription } from '@mortise/plan'
import type { CheckReport } from './check.ts'
import type { BucketMeaning, StorageMeaning, TransformMeaning } from './describe.ts'

type Row = [name: string, value: string]

/** Aligned text. Colours only where standard output is a terminal that wants them. */
export function printReport({ file, mistakes, warnings, notes, meaning }: CheckReport): string {
  const verdict = [count(mistakes.length, 'mistake'), count(warnings.length, 'warning')].join(', ')
  const parts = [
    ...(meaning
      ? [
          block('server', flatten(meaning.server)),
          block('limits', flatten(meaning.limits)),
          block('security', flatten(meaning.security)),
          ...(meaning.headers.length > 0 ? [block('headers', meaning.headers.map(printRule))] : []),
          ...meaning.buckets.map(bucket => block(`bucket ${bucket.name}`, bucketRows(bucket))),
        ]
      : []),
    ...(notes.length > 0 ? [issues('dim', 'notes', notes)] : []),
    ...(warnings.length > 0 ? [issues('yellow', 'warnings', warnings)] : []),
    ...(mistakes.length > 0 ? [issues('red', 'mistakes', mistakes)] : []),
    `${visible(file)}: ${mistakes.length > 0 ? styleText('red', verdict) : verdict}`,
  ]
  return parts.join('\n\n')
}

function count(number: number, what: string): string {
  return `${number === 0 ? 'no' : number} ${what}${number === 1 ? '' : 's'}`
}

function issues(colour: 'dim' | 'yellow' | 'red', title: string, found: readonly ConfigIssue[]): string {
  return [styleText(['bold', colour], title), ...found.map(issue => `  ${visible(printIssue(issue))}`)].join('\n')
}

function block(title: string, rows: Row[]): string {
  const width = Math.max(...rows.map(([name]) => visible(name).length))
  const lines = rows.map(([name, value]) => `  ${visible(name).padEnd(width)}  ${visible(value)}`.trimEnd())
  return [styleText('bold', visible(title)), ...lines].join('\n')
}

/** Names with dots for what is in a section. */
function flatten(section: object, above = ''): Row[] {
  return Object.entries(section).flatMap(([name, value]): Row[] => {
    const path = above + name
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return flatten(value, `${path}.`)
    return [[path, (value === 0 && zeros[path]) || printValue(name, value)]]
  })
}

/** What stands for something else. */
const zeros: Record<string, string> = {
  maxFileSize: 'no redirects',
  'worker.threads': 'one for each core',
  memory: 'as much as the machine allows',
}

function printValue(name: string, value: unknown): string {
  if (value === null || (Array.isArray(value) && value.length === 0)) return 'none'
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (typeof value === 'number' && /bytes$/i.test(name)) return printBytes(value)
  return String(Array.isArray(value) ? value.join(', ') : value)
}

function printBytes(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB']
  let unit = 0
  let size = bytes
  for (; size >= 1024 && size % 1024 === 0 && unit < 3; unit++) size /= 1024
  return `${size} ${units[unit]}`
}

function printRule({ statusCodes, override, values }: NonNullable<CheckReport['meaning']>['headers'][number]): Row {
  return [statusCodes.join(', '), `${printHeaders(values)}${override ? ' (replaces)' : ''}`]
}

function printHeaders(headers: Record<string, string>): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  return lines.length === 0 ? 'none' : lines.join('; ')
}

function bucketRows({ keys, headers, storages, transform, presets, glacier, pregenerate }: BucketMeaning): Row[] {
  return [
    ...(transform ? transformRows(transform) : [['grammar', 'none: objects as they are stored'] satisfies Row]),
    ['keys', keys.length === 0 ? 'none' : keys.join(', ')],
    ['headers', printHeaders(headers)],
    ...storages.map((storage): Row => [`storage ${storage.name}`, printStorage(storage)]),
    ...presets.map((preset): Row => [`preset ${preset.name}`, printPreset(preset)]),
    ...(pregenerate ? [['made ahead', printPregenerate(pregenerate)] satisfies Row] : []),
    ...(glacier ? flatten(glacier, 'glacier.') : []),
  ]
}

function printPregenerate({ presets, formats }: NonNullable<BucketMeaning['pregenerate']>): string {
  return `${presets.join(', ')}${formats.length === 0 ? '' : `; for who accepts it also as ${formats.join(', ')}`}`
}

function transformRows(transform: TransformMeaning): Row[] {
  const { kind, path, script, parentStorage, checkParent, resultKey } = transform
  const { mortKeys, keepFormat, compat } = transform
  const options = [...(mortKeys ? ['mortKeys'] : []), ...(keepFormat ? ['keepFormat'] : []), ...compat]
  return [
    ['grammar', [kind, path ?? script ?? ''].join(' ').trimEnd()],
    ['parents', `${parentOf(transform)}, storage ${parentStorage}${checkParent ? ', checked each time' : ''}`],
    ['results', `storage transform, key ${resultKey === 'path' ? 'as the path of the request' : resultKey}`],
    ...(options.length > 0 ? [['options', options.join(', ')] satisfies Row] : []),
  ]
}

function parentOf({ kind, parentBucket }: TransformMeaning): string {
  if (kind === 'script') return 'as the script says'
  if (parentBucket !== null) return `bucket ${parentBucket}`
  if (kind === 'query') return 'this bucket'
  return kind === 'presets-query' ? 'bucket as the path says, or this one with parameters' : 'bucket as the path says'
}

function printStorage({ kind, where, container, options }: StorageMeaning): string {
  return [[kind, where].join(' ').trimEnd(), `container ${container}`, ...options].join(', ')
}

function printPreset(preset: PresetDescription): string {
  if ('error' in preset) return `refused: ${preset.error.message}`
  const { passes, output } = preset
  const { format, quality, progressive, metadata } = output
  const steps = passes.map(pass => pass.join(', ')).join(' | ')
  const written = [
    format === 'original' ? 'format of the original' : format,
    ...(quality === null ? [] : [`quality ${quality}`]),
    ...(progressive ? ['progressive'] : []),
    ...(metadata === 'strip' ? ['without metadata'] : []),
  ]
  return `${steps === '' ? 'as it is' : steps} -> ${written.join(', ')}`
}

/** Names and values come from a file: what could move the cursor of a terminal is written out. */
function visible(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu,
    character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
