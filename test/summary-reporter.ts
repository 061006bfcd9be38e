import type { Reporter, TestCase, TestSuite } from 'vitest/node'

/** Closes a run with one line that any program can read, counted from the results themselves. */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: Parameters<NonNullable<Reporter['onTestRunEnd']>>[0]): void {
    const counts = { passed: 0, failed: 0, skipped: 0 }
    for (const module of modules) {
      const tests = [...module.children.allTests()]
      for (const test of tests) {
        const { state } = test.result()
        counts[state !== 'pending' ? state : isSkipped(test) ? 'skipped' : 'failed']++
      }
      // A file that does not even load holds no tests that could fail.
      if (module.state() === 'failed' && !tests.some(test => test.result().state === 'failed')) counts.failed++
    }
    console.log(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
  }
}

/** A suite in a suite that is skipped does not know it. */
function isSkipped({ options, parent }: TestCase | TestSuite): boolean {
  return options.mode === 'skip' || (parent.type === 'suite' && isSkipped(parent))
}
