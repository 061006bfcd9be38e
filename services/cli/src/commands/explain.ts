import { type ConfigIssue, loadConfigFile, printPath } from '@mortise/config'
import { createExplain, type ExplainedRequest } from '@mortise/gateway/explain'
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
      const explanation = createExplain(config, createPlanner(config, await loadScripts(config)))(url, accept)
      warn(warnings.filter(isAbout(explanation)))
      console.log(JSON.stringify(explanation, null, 2))
      process.exitCode = 'error' in explanation ? 1 : 0
    })
}

/** Of what is doubtful in the file, only the buckets and presets that the URL leads through. */
function isAbout(explanation: ExplainedRequest): (issue: ConfigIssue) => boolean {
  const places = 'parents' in explanation ? [explanation, ...explanation.parents] : []
  return ({ path }) =>
    places.some(({ bucket, preset }) => {
      const own = printPath(['buckets', bucket])
      const presets = `${own}.transform.presets.`
      if (path.startsWith(presets))
        return preset !== null && isWithin(path, printPath(['buckets', bucket, 'transform', 'presets', preset]))
      return isWithin(path, own)
    })
}

function isWithin(path: string, above: string): boolean {
  return path === above || path.startsWith(`${above}.`) || path.startsWith(`${above}[`)
}
