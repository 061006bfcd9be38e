import { Command } from 'commander'
import { checkFile } from '../check/check.ts'
import { printReport } from '../check/print.ts'

export function checkCommand(): Command {
  return new Command('check')
    .description('prints what a configuration means, or every mistake in it')
    .argument('<file>', 'the configuration, a mort file as it is')
    .option('--json', 'for programs')
    .option('--strict', 'end with 1 when there are warnings, too')
    .action(async (file: string, { json, strict }: { json?: boolean; strict?: boolean }) => {
      const report = await checkFile(file, process.env)
      const { mistakes, warnings } = report
      console.log(json ? JSON.stringify(report, null, 2) : printReport(report))
      process.exitCode = mistakes.length > 0 || (strict && warnings.length > 0) ? 1 : 0
    })
}
