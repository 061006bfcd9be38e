import { existsSync } from 'node:fs'
import { ConfigError } from '@mortise/config'
import { MortiseError } from '@mortise/errors'
import { Command, CommanderError } from 'commander'
import { readArguments } from './arguments.ts'
import { checkCommand } from './commands/check.ts'
import { explainCommand } from './commands/explain.ts'
import { gatewayCommand } from './commands/gateway.ts'
import { serveCommand } from './commands/serve.ts'
import { warmCommand } from './commands/warm.ts'
import { workerCommand } from './commands/worker.ts'
import { warn } from './start.ts'
import { version } from './version.ts'

const program = new Command('mortise')
  .description('Serves image derivatives: resized, cropped and re-encoded on request.')
  .version(`mortise ${version} (Node ${process.versions.node})`, '--version')
  .addCommand(serveCommand())
  .addCommand(gatewayCommand())
  .addCommand(workerCommand())
  .addCommand(checkCommand())
  .addCommand(explainCommand())
  .addCommand(warmCommand())

for (const command of [program, ...program.commands]) {
  command.exitOverride().showHelpAfterError('(--help shows what there is)')
}

try {
  await program.parseAsync(readArguments(process.argv.slice(2), existsSync), { from: 'user' })
} catch (error) {
  process.exit(report(error))
}

/** One clear line for each mistake, a stack for a bug; never both. */
function report(error: unknown): number {
  // It has said what there is to say: help, or an unknown option.
  if (error instanceof CommanderError) return error.exitCode
  if (error instanceof ConfigError) warn(error.warnings)
  if (error instanceof MortiseError) console.error(`mortise: ${error.message.replaceAll('\n', '\nmortise: ')}`)
  else console.error(error)
  return 1
}
