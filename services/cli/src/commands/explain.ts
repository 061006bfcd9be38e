import { loadConfigFile } from '@mortise/config'
import { createExplain } from '@mortise/gateway/explain'
import { createPlanner, loadScripts } from '@mortise/plan'
import { Command } from 'commander'
import { warn } from '../start.ts'

export function explainCommand(): Command {
  return new Command('explain')
    .description('tells what a URL means, as JSON; nothing is opened and nothing is made')
    .argument('<url>', 'path and query, or a whole URL')
    .requiredOption('--config <file>', 'the configuration, a mort file as it is')
    .option('--accept <header>', 'what the client would say in Accept')
    .action(async (url: string, { config: file, accept }: { config: string; accept?: string }) => {
      const { config, warnings } = loadConfigFile(file, process.env)
      warn(warnings)
      const explanation = createExplain(config, createPlanner(config, await loadScripts(config)))(url, accept)
      console.log(JSON.stringify(explanation, null, 2))
      process.exitCode = 'error' in explanation ? 1 : 0
    })
}
