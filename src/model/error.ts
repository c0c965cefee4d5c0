import { redactUrls } from './redact-urls.js';

/** Lines of a source file, counted from 1, both ends included. */
export interface SourceRange {
  readonly file: string;
  readonly startLine: number;
  readonly endLine: number;
}

/** The closed list of what can go wrong through no fault of ours. */
export type ErrorCode =
  | 'syntax' // the Dockerfile or an option cannot be read
  | 'unsupported' // understood, and refused: not built yet
  | 'usage' // the command line or API options
  | 'not-found' // a file, stage, image, container named by the user is not there
  | 'conflict' // a name in use, an object in use
  | 'run-failed' // a RUN step exited with other than 0
  | 'registry' // a registry refused or could not be reached
  | 'auth' // a registry wants (other) credentials
  | 'integrity' // bytes differ from their digest, size or diffID
  | 'no-space' // ENOSPC, EDQUOT
  | 'store' // the store cannot be opened, read or written
  | 'runtime' // the machine cannot run containers this way
  | 'archive'; // an archive or layout to read is malformed

export interface BuildErrorOptions {
  /** What to do next, one line, no final period; printed after `hint: `. */
  readonly hint?: string;
  readonly range?: SourceRange;
  readonly cause?: unknown;
  /** Further facts, a line each (for example the last lines of a step's output). */
  readonly details?: readonly string[];
  /** The path a COPY or ADD named and nothing is at, for those who know more places. */
  readonly missing?: string;
}

/**
 * A failure the user can act on: shown without a stack, exit code 1 unless the subclass says otherwise.
 * Anything else that is thrown is a defect of ours (stack) or the abort reason (cancelled).
 */
export class BuildError extends Error {
  override readonly name: string = 'BuildError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly range: SourceRange | undefined;
  readonly details: readonly string[];
  readonly missing: string | undefined;

  constructor(code: ErrorCode, message: string, options: BuildErrorOptions = {}) {
    super(redactUrls(message), options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint === undefined ? undefined : redactUrls(options.hint);
    this.range = options.range;
    this.details = (options.details ?? []).map(redactUrls);
    this.missing = options.missing;
  }

  /** The same error with a place. */
  at(range: SourceRange): BuildError {
    return this.with({ range });
  }

  /** The same error with these in the place of its own. */
  with(options: BuildErrorOptions): BuildError {
    const { code, message, hint, details, cause, range, missing } = this;
    return new BuildError(code, message, {
      details,
      cause,
      ...(range === undefined ? {} : { range }),
      ...(hint === undefined ? {} : { hint }),
      ...(missing === undefined ? {} : { missing }),
      ...options,
    });
  }
}

/** The reason an AbortSignal of ours carries when the user stopped the work (exit code 130). */
export class CancelledError extends Error {
  override readonly name = 'CancelledError';
}

/** Proves a switch over a union complete. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
