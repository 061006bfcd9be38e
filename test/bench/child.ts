import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { environment } from './setting.ts'

export type Child = AsyncDisposable & {
  process: ChildProcess
  /** The next line that it prints. */
  line(): Promise<string>
  /** Writes a line, and waits for one. */
  ask(line: string): Promise<string>
}

/** A script beside this file, in a process of its own, with the environment that the launcher gives Mortise. */
export function startChild(script: string, args: string[]): Child {
  const file = fileURLToPath(new URL(script, import.meta.url))
  const child = spawn(process.execPath, [file, ...args], { env: environment, stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const line = async () => {
    const { value, done } = await lines.next()
    if (done) throw new Error(`${script} ended`)
    return value
  }
  return {
    process: child,
    line,
    ask(text) {
      child.stdin.write(`${text}\n`)
      return line()
    },
    async [Symbol.asyncDispose]() {
      const ended = new Promise(resolve => child.once('exit', resolve))
      child.kill('SIGKILL')
      await ended
    },
  }
}
