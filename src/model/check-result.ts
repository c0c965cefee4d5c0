import type { SourceRange } from './error.js';
import type { LintWarning } from './lint.js';

/** What `check` looks at: the options of a build that the Dockerfile's meaning depends on. */
export interface CheckOptions {
  /** The build context: a directory. */
  readonly context: string;
  /** Path of the Dockerfile; default `<context>/Dockerfile`, then `<context>/dockerfile`. */
  readonly dockerfile?: string;
  readonly buildArgs?: Readonly<Record<string, string>>;
  /** A stage's name; without it every stage is checked. */
  readonly target?: string;
  readonly platform?: string;
  readonly pull?: boolean;
  readonly root?: string;
  readonly signal?: AbortSignal;
}

/** What the lint rules found, and why a build of it would fail. */
export interface CheckResult {
  /** In order of place. */
  readonly warnings: readonly LintWarning[];
  readonly source: CheckedSource;
  readonly buildError?: CheckedError;
}

export interface CheckedSource {
  readonly filename: string;
  readonly text: string;
}

export interface CheckedError {
  readonly message: string;
  readonly hint?: string;
  readonly details: readonly string[];
  /** Absent when it is of no line. */
  readonly range?: SourceRange;
}
