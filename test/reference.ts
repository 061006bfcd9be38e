/** `npm run reference` writes the generated tables of the README, from the schema and the registries. */
import { readFile, writeFile } from 'node:fs/promises'
import { describeConfig } from '@mortise/config'
import { operations } from '@mortise/operations'
import { describeGrammars } from '@mortise/plan'
import { replaceBetween } from './generated.ts'

const file = new URL('../README.md', import.meta.url)

/** The README as it should be now. */
export async function generateReadme(): Promise<string> {
  const parts = { grammars: grammars(), operations: operationNames(), settings: settings() }
  return Object.entries(parts).reduce(
    (text, [name, content]) => replaceBetween(text, name, content),
    await readFile(file, 'utf8'),
  )
}

function grammars(): string {
  const rows = describeGrammars().flatMap(({ kind, description, examples }) => [
    `| \`${kind}\` | | ${description} |`,
    ...examples.map(({ url, means }) => `| | \`${url}\` | ${means} |`),
  ])
  return ['| `transform.kind` | URL | Meaning |', '| --- | --- | --- |', ...rows].join('\n')
}

function operationNames(): string {
  const names = Object.keys(operations).toSorted()
  return `Operations: ${names.join(', ')}, and the orientation that EXIF asks for.`
}

function settings(): string {
  const rows = describeConfig()
    .filter(({ type }) => type !== 'section')
    .map(({ path, type, default: fallback, description }) => {
      const cells = [path, type.replaceAll('|', 'or'), fallback === null ? '' : `\`${fallback}\``, description]
      return `| \`${cells[0]}\` | ${cells.slice(1).join(' | ')} |`
    })
  return ['| Setting | Type | Default | Meaning |', '| --- | --- | --- | --- |', ...rows].join('\n')
}

if (import.meta.main) await writeFile(file, await generateReadme())
