import { MortiseError } from '@mortise/errors'
import { Command, CommanderError } from 'commander'
import { gatewayCommand } from './commands/gateway.ts'
import { serveCommand } from './commands/serve.ts'
import { workerCommand } from './commands/worker.ts'

const program = new Command('mortise')
  .description('Serves image derivatives: resized, cropped and re-encoded on request.')
  .addCommand(serveCommand())
  .addCommand(gatewayCommand())
  .addCommand(workerCommand())

for (const command of [program, ...program.commands]) {
  command.exitOverride().showHelpAfterError('(--help shows what there is)')
}

try {
  await program.parseAsync()
} catch (error) {
  process.exit(report(error))
}

/** One clear line for a mistake, a stack for a bug; never both. */
function report(error: unknown): number {
  // It has said what there is to say: help, or an unknown option.
  if (error instanceof CommanderError) return error.exitCode
  if (error instanceof MortiseError) console.error(`mortise: ${error.message}`)
  else console.error(error)
  return 1
}
