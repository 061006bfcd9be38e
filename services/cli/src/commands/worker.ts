import { Command } from 'commander'
import { roles } from '../compose/role.ts'
import { type ListenOptions, startFromFile } from '../start.ts'

export function workerCommand(): Command {
  return new Command('worker')
    .description('takes jobs from the queue and renders; no public HTTP')
    .requiredOption('--config <file>', 'the configuration, a mort file as it is')
    .option('--internal <host:port>', 'health and metrics, instead of server.internalListen')
    .action(({ config, ...options }: { config: string } & ListenOptions) =>
      startFromFile(roles.worker, config, options),
    )
}
