import { type BuildStep, stepDuration } from './build-steps.js';
import type { Digest } from './digest.js';

/**
 * The longest time that steps which wait for each other took, in milliseconds: no machine and no parallelism makes the
 * build shorter than its steps there. Inputs stand before what depends on them.
 */
export function criticalPath(steps: readonly BuildStep[], now: number): number {
  const paths = new Map<Digest, number>();
  for (const step of steps) {
    const before = step.inputs.map((input) => paths.get(input) ?? 0);
    paths.set(step.vertex, Math.max(0, ...before) + stepDuration(step, now));
  }
  return Math.max(0, ...paths.values());
}
