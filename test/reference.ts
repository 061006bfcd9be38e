/** `npm run reference` writes the generated tables of the README, from the schema and the registry. */
import { readFile, writeFile } from 'node:fs/promises'
import { describeConfig } from '@mortise/config'

const file = new URL('../README.md', import.meta.url)

/** The README as it should be now. */
export async function generateReadme(): Promise<string> {
  const text = await readFile(file, 'utf8')
  return text.replace(
    /(<!-- settings -->\n)[\s\S]*?(\n<!-- end of settings -->)/,
    (_, start, end) => start + settings() + end,
  )
}

function settings(): string {
  const rows = describeConfig()
    .filter(({ type }) => type !== 'section')
    .map(({ path, type, default: fallback, description }) => {
      return `| \`${path}\` | ${type.replaceAll('|', 'or')} | ${fallback === null ? '' : `\`${fallback}\``} | ${description} |`
    })
  return ['| Setting | Type | Default | Meaning |', '| --- | --- | --- | --- |', ...rows].join('\n')
}

if (import.meta.main) await writeFile(file, await generateReadme())
