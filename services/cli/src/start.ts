import { type Config, type ConfigIssue, loadConfigFile, parseListener, printIssue } from '@mortise/config'
import { MortiseError } from '@mortise/errors'
import { type Role, type RunningRole, startRole } from './compose/role.ts'
import { lookAround } from './compose/surroundings.ts'
import { runUntilSignal } from './life-cycle.ts'

export type ListenOptions = { listen?: string; internal?: string }

/** Starts a role with a configuration file and runs it until a signal. Warnings go to standard error, one line each. */
export async function startFromFile(role: Role, file: string, options: ListenOptions): Promise<void> {
  const { config, warnings } = loadConfigFile(file, process.env)
  warn([...warnings, ...(await lookAround(config))])
  const { addresses, internalAddress } = await run(role, config, options)
  const what = addresses.length === 0 ? 'waiting for jobs' : `listening on ${addresses.join(', ')}`
  console.log(`mortise ${role.name}: ${what} (internal: ${internalAddress})`)
}

export async function run(role: Role, config: Config, { listen, internal }: ListenOptions): Promise<RunningRole> {
  const server = { ...config.server }
  if (listen !== undefined) server.listens = [readListener('--listen', listen)]
  if (internal !== undefined) server.internalListen = readListener('--internal', internal)
  const running = await startRole(role, { ...config, server })
  runUntilSignal(running)
  return running
}

/** One line for each, on standard error. */
export function warn(warnings: readonly ConfigIssue[]): void {
  for (const warning of warnings) console.error(`mortise: warning: ${printIssue(warning)}`)
}

function readListener(option: string, text: string) {
  const listener = parseListener(text)
  if (!listener) throw new MortiseError('invalid_config', `${option}: expected HOST:PORT or unix:PATH, found ${text}`)
  return listener
}
