/** `npm run reference` writes the generated tables of the README, from the schema and the registries. */
import { readFile, writeFile } from 'node:fs/promises'
import { describeConfig } from '@mortise/config'
import { describeOperations } from '@mortise/operations'
import { describeGrammars, describeParameters } from '@mortise/plan'
import { replaceBetween } from './generated.ts'

const file = new URL('../README.md', import.meta.url)

/** The README as it should be now. */
export async function generateReadme(): Promise<string> {
  const parts = { grammars: grammars(), parameters: parameters(), operations: operations(), settings: settings() }
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

function parameters(): string {
  const rows = describeParameters().map(
    ({ name, operations, description, example }) =>
      `| \`${name}\` | ${operations.join(', ')} | ${description} | \`?${example.query}\` |`,
  )
  return ['| Parameter | Read by | Meaning | Example |', '| --- | --- | --- | --- |', ...rows].join('\n')
}

function operations(): string {
  const rows = describeOperations().map(
    ({ name, description, example }) => `| \`${name}\` | ${description} | \`${example}\` |`,
  )
  return ['| Operation | | In a plan |', '| --- | --- | --- |', ...rows].join('\n')
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
