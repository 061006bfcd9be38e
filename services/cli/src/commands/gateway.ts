import { Command } from 'commander'
import { roles } from '../compose/role.ts'
import { type ListenOptions, startFromFile } from '../start.ts'

export function gatewayCommand(): Command {
  return new Command('gateway')
    .description('HTTP only: serves what exists, queues what does not')
    .requiredOption('--config <file>', 'the configuration, a mort file as it is')
    .option('--listen <host:port>', 'instead of server.listens')
    .option('--internal <host:port>', 'health and metrics, instead of server.internalListen')
    .action(({ config, ...options }: { config: string } & ListenOptions) =>
      startFromFile(roles.gateway, config, options),
    )
}
