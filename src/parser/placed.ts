import { BuildError, type SourceRange } from '../model/error.js';
import { Problem } from './problem.js';

/** Runs `work`; a Problem it throws becomes a BuildError at `range`. */
export function at<T>(work: () => T, range?: SourceRange): T {
  try {
    return work();
  } catch (error) {
    throw placed(error, range);
  }
}

/** A Problem gets the place it was met at; everything else passes. */
export function placed(error: unknown, range: SourceRange | undefined): unknown {
  if (!(error instanceof Problem)) return error;
  return new BuildError(error.code, error.message, {
    ...(range === undefined ? {} : { range }),
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  });
}
