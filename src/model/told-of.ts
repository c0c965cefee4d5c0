import { BuildError } from './error.js';

interface Suppressed {
  readonly error: unknown;
  readonly suppressed: unknown;
}

/**
 * Of an error and those that its tidying up met, the one to tell: that the store is not there any more explains all others;
 * else the first, or the first that is the user's to mend.
 */
export function toldOf(thrown: unknown): unknown {
  const all = errorsOf(thrown);
  const gone = all.find((error) => error instanceof BuildError && error.code === 'store');
  return gone ?? all.find((error) => error instanceof BuildError) ?? all[0];
}

/** In the order they came. */
function errorsOf(thrown: unknown): readonly unknown[] {
  if (!isSuppressed(thrown)) return [thrown];
  return [...errorsOf(thrown.suppressed), ...errorsOf(thrown.error)];
}

/** Also of code that brings a SuppressedError of its own, as Node lacks it. */
function isSuppressed(thrown: unknown): thrown is Suppressed {
  return thrown instanceof Error && thrown.name === 'SuppressedError' && 'suppressed' in thrown;
}
