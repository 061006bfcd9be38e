import { MortiseError } from '@mortise/errors'
import { Command } from 'commander'
import { roles } from '../compose/role.ts'
import { startFolder } from '../folder.ts'
import { type ListenOptions, startFromFile } from '../start.ts'

type ServeOptions = ListenOptions & { config?: string; cache?: string }

export function serveCommand(): Command {
  return new Command('serve')
    .description('gateway and worker in one process')
    .argument('[folder]', 'pictures to serve; they are only read (default: a few that come along)')
    .option('--config <file>', 'a configuration instead of a folder')
    .option('--listen <host:port>', 'where to listen (default: 127.0.0.1:8080, or what the configuration says)')
    .option('--internal <host:port>', 'health and metrics (default: 127.0.0.1:8081, or what the configuration says)')
    .option('--cache <dir>', "where derivatives of a folder are kept (default: the user's cache folder)")
    .action((folder: string | undefined, { config, cache, ...options }: ServeOptions) => {
      if (config === undefined) return startFolder({ folder, cache, ...options })
      if (folder !== undefined) throw new MortiseError('invalid_config', 'give a folder or --config, not both')
      if (cache !== undefined)
        throw new MortiseError('invalid_config', '--cache is for a folder; a configuration names its storages')
      return startFromFile(roles.serve, config, options)
    })
}
