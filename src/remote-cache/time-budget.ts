import { goDurationText } from '../model/go-duration.js';
import { BuildError } from '../model/error.js';
import type { Scope } from '../model/scope.js';

/** Work that ends when its time is up. Throws BuildError `registry` then; an abort of the build passes through. */
export async function withinBudget<T>(
  { what, ms }: { readonly what: string; readonly ms: number },
  scope: Scope,
  work: (scope: Scope) => Promise<T>,
): Promise<T> {
  const timer = AbortSignal.timeout(ms);
  try {
    return await work({ ...scope, signal: AbortSignal.any([scope.signal, timer]) });
  } catch (error) {
    scope.signal.throwIfAborted();
    if (!timer.aborted) throw error;
    const budget = goDurationText(ms * 1e6);
    throw new BuildError('registry', `${what} took longer than ${budget}`, {
      hint: 'timeout=DURATION in its options sets the time it may take',
      cause: error,
    });
  }
}
