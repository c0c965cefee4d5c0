import type { SourceRange } from './error.js';

/** One violation of a lint rule, in BuildKit's words. */
export interface LintWarning {
  /** `FromAsCasing`. */
  readonly ruleName: string;
  /** What the rule wants, always the same. */
  readonly description: string;
  /** Absent for a rule without a page of documentation. */
  readonly url?: string;
  /** What is wrong here. */
  readonly detail: string;
  readonly range: SourceRange;
}

/** The one-line form, for logs: `FromAsCasing: 'as' and ... do not match (line 3)`. */
export function shortWarning({ ruleName, detail, range }: LintWarning): string {
  return `${ruleName}: ${detail} (line ${String(range.startLine)})`;
}

/** By place, then by rule: how warnings are listed. */
export function compareWarnings(a: LintWarning, b: LintWarning): number {
  return a.range.startLine - b.range.startLine || compare(a.ruleName, b.ruleName);
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
