import { createContext, Script } from 'node:vm'
import variant from '@jitl/quickjs-singlefile-mjs-release-sync'
import { MortiseError } from '@mortise/errors'
import {
  newQuickJSWASMModuleFromVariant,
  type QuickJSContext,
  type QuickJSHandle,
  type QuickJSWASMModule,
} from 'quickjs-emscripten-core'

export type ScriptCall = {
  /** The module; its default export is called with the request. */
  source: string
  /** Text that the guest reads the request from. */
  input: string
  /** The named groups of the bucket's `path` in a text. */
  match(text: string): Record<string, string>
}

/** Runs scripts, one at a time. What they do is bounded by memory, stack and time; there is nothing around them. */
export type ScriptEngine = {
  /**
   * The answer of the guest as text, unproven. Each call has an engine of its own, so nothing is left for the next one.
   * Throws `invalid_request` for whatever goes wrong in the script, `overloaded` while the engine is replaced.
   */
  run(call: ScriptCall): string
}

const memoryBytes = 16 * 1024 * 1024
/** More of it, and the stack of this process could end before that of the engine. */
const stackBytes = 32 * 1024
/** Milliseconds of processor time: on a busy machine a script that waits its turn has not taken long. */
const milliseconds = 50
const warmUpMilliseconds = 2000
/**
 * Milliseconds that pass. The engine looks at its time between two steps of a script, and one step may be a search
 * through an array of any length; so something has to end the engine from outside.
 */
const hardMilliseconds = 1000
/** Characters of an answer. */
const maxAnswer = 64 * 1024
/** Characters that the regexp of the bucket is matched against, outside of the engine and so of its time. */
const maxSubject = 8192

/** `guest`: the module that calls the script, imports it as `script`, and exports the answer as its default. */
export async function createScriptEngine(guest: string): Promise<ScriptEngine> {
  let quickjs: QuickJSWASMModule | null = await load(guest)
  let loading = false
  function replace() {
    quickjs = null
    if (loading) return
    // Not before the stack is that of nobody: a full one may be what ended the engine.
    queueMicrotask(refill)
    loading = true
  }
  async function refill() {
    // What was loaded once loads again, unless memory is out; the next call then tries.
    quickjs = await load(guest).catch(() => null)
    loading = false
  }
  return {
    run(call) {
      if (!quickjs) {
        replace()
        throw new MortiseError('overloaded', 'script: the engine is being replaced', { retryAfter: 1 })
      }
      try {
        const engine = quickjs
        return endAfter(hardMilliseconds, () => runIn(engine, guest, call, milliseconds))
      } catch (error) {
        if (error instanceof MortiseError) throw error
        // The engine itself gave up (a stack, memory or time beyond its own bounds) and is in no known state.
        replace()
        throw new MortiseError('invalid_request', 'script: ended the engine', { cause: error, operators: true })
      }
    },
  }
}

/** What runs for the first time is compiled then; that is not to count as time of a script. */
async function load(guest: string): Promise<QuickJSWASMModule> {
  const quickjs = await newQuickJSWASMModuleFromVariant(variant)
  runIn(quickjs, guest, { source: 'export default () => {}', input: 'null', match: () => ({}) }, warmUpMilliseconds)
  return quickjs
}

function runIn(quickjs: QuickJSWASMModule, guest: string, call: ScriptCall, limit: number): string {
  const deadline = processorTime() + limit
  using runtime = quickjs.newRuntime({
    memoryLimitBytes: memoryBytes,
    maxStackSizeBytes: stackBytes,
    interruptHandler: () => processorTime() > deadline,
    moduleLoader: name => (name === 'script' ? call.source : { error: new Error(`there is no module ${name}`) }),
  })
  using context = runtime.newContext({ intrinsics })
  setUp(context, call)
  const result = context.evalCode(guest, 'guest', { type: 'module' })
  if (result.error) {
    using error = result.error
    throw failed(explain(context, error))
  }
  using exports = result.value
  using answer = context.getProp(exports, 'default')
  if (context.typeof(answer) !== 'string') throw failed('has to answer at once')
  const text = context.getString(answer)
  if (text.length > maxAnswer) throw failed('its answer is too long')
  return text
}

function failed(how: string): MortiseError {
  return new MortiseError('invalid_request', `script: ${how}`, { operators: true })
}

const outer = createContext({ run: (): unknown => null })
const callRun = new Script('run()')

/** Whatever runs, WebAssembly as well, is ended after that time; this then throws. */
function endAfter<T>(ms: number, run: () => T): T {
  outer.run = run
  return callRun.runInContext(outer, { timeout: ms })
}

/** Of this thread. */
function processorTime(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

/** The language without a clock, and without what a script that reads a URL has no use for. */
const intrinsics = {
  BaseObjects: true,
  Eval: true,
  StringNormalize: true,
  RegExp: true,
  RegExpCompiler: true,
  JSON: true,
  MapSet: true,
  Promise: true,
}

function setUp(context: QuickJSContext, { input, match }: ScriptCall): void {
  // Equal requests give equal plans.
  using math = context.getProp(context.global, 'Math')
  context.setProp(math, 'random', context.undefined)
  using text = context.newString(input)
  context.setProp(context.global, 'input', text)
  using matchPath = context.newFunction('matchPath', subject => {
    if (context.getProp(subject, 'length').consume(context.getNumber.bind(context)) > maxSubject) {
      throw new RangeError(`expected at most ${maxSubject} characters`)
    }
    return context.newString(JSON.stringify(match(context.getString(subject))))
  })
  context.setProp(context.global, 'matchPath', matchPath)
}

function explain(context: QuickJSContext, error: QuickJSHandle): string {
  const name = textOf(context, error, 'name')
  const message = textOf(context, error, 'message')
  if (message === 'interrupted') return 'took too long'
  if (message === 'out of memory') return 'needed too much memory'
  return [name, message].filter(part => part !== '').join(': ') || 'threw something that is no error'
}

/** A property that is a text, cut; reading it may run code of the script, which may fail again. */
function textOf(context: QuickJSContext, of: QuickJSHandle, name: string): string {
  if (context.typeof(of) !== 'object') return ''
  const isText = (handle: QuickJSHandle) => context.typeof(handle) === 'string'
  try {
    using value = context.getProp(of, name)
    return isText(value) ? context.getString(value).slice(0, 200) : ''
  } catch {
    return ''
  }
}
