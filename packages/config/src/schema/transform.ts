import { resolve } from 'node:path'
import { messageOf } from '@mortise/errors'
import { RE2JS } from 're2js'
import { ConfigError } from '../issues.ts'
import type { Report } from '../report.ts'
import { compatWords, type TransformConfig, type TransformKind } from '../types.ts'
import { checkPreset, preset, resolvePreset } from './preset.ts'
import { invertPath } from './preset-keys.ts'
import type { Scripts } from './script.ts'
import { list, map, optionalSection } from './section.ts'
import { bool, choice, type Output, text } from './setting.ts'

export const transform = optionalSection(
  {
    kind: text('query, presets, presets-query, base64_presets, cloudinary or script.'),
    path: text('Regexp (RE2) on the key, which starts with a slash; its groups are `presetName` and `parent`.'),
    parentStorage: text('Storage of this bucket that holds the originals.', 'basic'),
    parentBucket: text('Bucket that the originals belong to; empty = the first part of `parent` names it.'),
    checkParent: bool('A stored derivative counts only while its original is the one that it was made from.'),
    resultKey: text(
      'hash, hashParent, or anything else for the path of the request. query, presets-query: hashParent.',
    ),
    mortKeys: bool("Ours. hash and hashParent are mort's own, so that derivatives which mort has stored are found."),
    keepFormat: bool('Ours. A format that the URL or the preset names is not replaced by one that the client accepts.'),
    compat: list(
      choice(compatWords, 'A word.', compatWords[0]),
      `Ours. What is done exactly as mort does it: ${compatWords.join(', ')}.`,
    ),
    presets: map(preset, 'Presets by name.'),
    scriptPath: text('Ours. script: the JavaScript module that reads URLs; relative as tengoPath is.'),
    tengoPath: text('Accepted; scripts in Tengo are not run, see the kind script.'),
  },
  'How URLs of this bucket name derivatives. Absent: it has none.',
)

type TransformSection = NonNullable<Output<typeof transform>>

/** `storages` and `buckets`: the names that there are. */
export function checkTransform(
  transform: TransformSection,
  report: Report,
  { storages, buckets, ...scripts }: Scripts & { storages: Set<string>; buckets: Set<string> },
): void {
  const { kind, path, parentStorage, parentBucket } = transform
  if (!isKind(kind)) {
    report.mistake(
      ['kind'],
      `expected one of ${kinds.join(', ')}, found ${kind === '' ? 'nothing' : JSON.stringify(kind)}`,
    )
  }
  checkPath(kind, path, report)
  checkScript(transform, report, scripts)
  // Every bucket is asked for `basic` anyway.
  if (parentStorage !== 'basic' && !storages.has(parentStorage)) {
    report.mistake(
      ['parentStorage'],
      `expected the name of a storage of this bucket, found ${JSON.stringify(parentStorage)}`,
    )
  }
  if (parentBucket !== '' && !buckets.has(parentBucket)) {
    report.mistake(['parentBucket'], `expected the name of a bucket, found ${JSON.stringify(parentBucket)}`)
  }
  if (!storages.has('transform')) {
    report.warn([], 'storages.transform is missing: nowhere to store derivatives, so every request for one is refused')
  }
  for (const name in transform.presets) checkPreset(transform.presets[name]!, report.below('presets', name))
}

export function resolveTransform(transform: TransformSection, scripts: Scripts): TransformConfig {
  const { path, parentStorage, parentBucket, checkParent, mortKeys, keepFormat, compat, scriptPath, tengoPath } =
    transform
  const kind = transform.kind as TransformKind
  const presets: TransformConfig['presets'] = Object.create(null)
  for (const name in transform.presets) presets[name] = resolvePreset(transform.presets[name]!)
  return {
    kind,
    path: path === '' ? null : RE2JS.compile(path),
    presetKeys: namesPresets(kind) ? invertPath(path) : null,
    parentStorage,
    parentBucket: parentBucket || null,
    checkParent,
    resultKey: resolveResultKey(kind, transform.resultKey),
    ...{ mortKeys, keepFormat, compat },
    presets,
    tengoPath: tengoPath === '' ? null : resolve(scripts.scriptDir, tengoPath),
    script: kind === 'script' ? resolveScript(scriptPath, scripts) : null,
  }
}

const kinds: TransformKind[] = ['query', 'presets', 'presets-query', 'base64_presets', 'cloudinary', 'script', 'tengo']

/** These read every URL through `path`. */
const withPath: readonly string[] = ['presets', 'presets-query', 'base64_presets', 'cloudinary']

/** Both texts are what mort looks for, for this kind alone. */
const groups = ['(?P<presetName>', '(?P<parent>']

const cloudinaryGroups = ['(?P<transformations>', '(?P<parent>']

/** Its URLs are made of the name of a preset and of a parent. */
export function namesPresets(kind: string): boolean {
  return presetKinds.includes(kind)
}

export const presetKinds: readonly string[] = ['presets', 'presets-query', 'base64_presets']

function isKind(text: string): text is TransformKind {
  return kinds.some(kind => kind === text)
}

function checkScript({ kind, scriptPath }: TransformSection, report: Report, scripts: Scripts): void {
  if (kind === 'tengo') {
    report.warn(
      ['kind'],
      'scripts in Tengo are not run, every request of this bucket is refused; write the script in JavaScript, with ' +
        'the kind script and scriptPath in place of tengoPath (packages/plan/docs/from-tengo-to-script.md tells how)',
    )
  }
  if (kind !== 'script') return
  if (scriptPath === '') report.mistake(['scriptPath'], 'expected the path of a script, found nothing')
  else {
    try {
      resolveScript(scriptPath, scripts)
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      for (const { message } of error.issues) report.mistake(['scriptPath'], message)
    }
  }
}

function resolveScript(scriptPath: string, { scriptDir, readScript }: Scripts): TransformConfig['script'] {
  const path = resolve(scriptDir, scriptPath)
  return { path, source: readScript(path) }
}

function checkPath(kind: string, path: string, report: Report): void {
  if (path === '') {
    if (withPath.includes(kind))
      report.mistake(['path'], `expected a regexp, which the kind ${kind} needs, found nothing`)
    return
  }
  const missing = groups.filter(group => !path.includes(group))
  if (missing.length > 0 && kind === 'presets')
    report.mistake(['path'], `expected the groups ${missing.join('…) and ')}…)`)
  if (missing.length > 0 && (kind === 'presets-query' || kind === 'base64_presets')) {
    report.warn(['path'], `expected the groups ${missing.join('…) and ')}…); no URL names a preset without them`)
  }
  const lacking = cloudinaryGroups.filter(group => !path.includes(group))
  if (lacking.length > 0 && kind === 'cloudinary') {
    report.warn(['path'], `expected the groups ${lacking.join('…) and ')}…); no URL names a derivative without them`)
  }
  try {
    RE2JS.compile(path)
  } catch (error) {
    report.mistake(['path'], `expected a regexp in the syntax of RE2: ${messageOf(error)}`)
  }
}

function resolveResultKey(kind: TransformKind, text: string): TransformConfig['resultKey'] {
  if (text === 'hash' || text === 'hashParent') return text
  return text === '' && (kind === 'query' || kind === 'presets-query') ? 'hashParent' : 'path'
}
