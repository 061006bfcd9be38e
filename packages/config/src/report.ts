import { type ConfigIssue, type Path, printPath } from './issues.ts'

/** Where the rules of a section say what they found; paths start at that section. */
export type Report = {
  /** The configuration is refused. */
  mistake(path: Path, message: string): void
  /** It is accepted. */
  warn(path: Path, message: string): void
  /** The report of a section below this one. */
  below(...path: Path): Report
}

export function createReport(mistakes: ConfigIssue[], warnings: ConfigIssue[], above: Path = []): Report {
  return {
    mistake: (path, message) => mistakes.push({ path: printPath([...above, ...path]), message }),
    warn: (path, message) => warnings.push({ path: printPath([...above, ...path]), message }),
    below: (...path) => createReport(mistakes, warnings, [...above, ...path]),
  }
}
