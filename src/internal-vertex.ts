import { digestOf } from './model/digest.js';
import type { Scope } from './model/scope.js';
import { steadyTime } from './model/steady-time.js';

/**
 * Runs work that is no step of the Dockerfile (loading the context, asking a registry, exporting) as a vertex of
 * its own, named as BuildKit names it: `[internal] load build context`.
 */
export async function internalVertex<T>(
  name: string,
  scope: Scope,
  work: (scope: Scope & { readonly vertex: ReturnType<typeof digestOf> }) => Promise<T>,
): Promise<T> {
  const vertex = digestOf(`internal:${name}`);
  scope.emit({ type: 'vertex-queued', vertex, name, inputs: [] });
  scope.emit({ type: 'vertex-started', vertex, time: steadyTime() });
  try {
    const result = await work({ ...scope, vertex });
    scope.emit({ type: 'vertex-completed', vertex, time: steadyTime() });
    return result;
  } catch (error) {
    const time = steadyTime();
    if (scope.signal.aborted) scope.emit({ type: 'vertex-cancelled', vertex, time });
    else scope.emit({ type: 'vertex-failed', vertex, time, error: messageOf(error) });
    throw error;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
