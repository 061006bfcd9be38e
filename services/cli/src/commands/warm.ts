import { type Config, loadConfigFile } from '@mortise/config'
import { MortiseError } from '@mortise/errors'
import { Command } from 'commander'
import { lookAround } from '../compose/surroundings.ts'
import { readFolder } from '../folder.ts'
import { warn } from '../start.ts'
import { runWarm } from '../warm/run.ts'

type WarmOptions = { config?: string; cache?: string; presets?: string[]; dryRun?: boolean }

export function warmCommand(): Command {
  return new Command('warm')
    .description('has the derivatives of a bucket made before anybody asks for them; those that are there stay')
    .argument('<bucket>', 'a bucket of the configuration, or without one a folder, as of mortise serve')
    .argument('[prefix]', 'only originals whose key begins so', '')
    .option('--config <file>', 'the configuration, a mort file as it is')
    .option('--presets <names>', 'these, separated by commas, in place of those of pregenerate', readNames)
    .option('--dry-run', 'only look what is missing')
    .option('--cache <dir>', "where derivatives of a folder are kept (default: the user's cache folder)")
    .action(async (given: string, prefix: string, options: WarmOptions) => {
      const { config, bucket } =
        options.config === undefined ? await ofFolder(given, options) : await ofFile(given, options)
      const { presets = null, dryRun = false } = options
      await runWarm(config, { bucket, prefix: prefix.replace(/^\//, ''), presets, dryRun })
    })
}

type Site = { config: Config; bucket: string }

async function ofFile(bucket: string, { config: file = '', cache }: WarmOptions): Promise<Site> {
  if (cache !== undefined)
    throw new MortiseError('invalid_config', '--cache is for a folder; a configuration names its storages')
  const { config, warnings } = loadConfigFile(file, process.env)
  warn([...warnings, ...(await lookAround(config))])
  return { config, bucket }
}

async function ofFolder(folder: string, { cache }: WarmOptions): Promise<Site> {
  const { config, name } = await readFolder({ folder, cache })
  return { config, bucket: name }
}

function readNames(text: string): string[] {
  return text.split(',').filter(name => name !== '')
}
