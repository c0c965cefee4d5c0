import { BuildError } from './model/error.js';
import type { BuildPlan, CacheMountSpec } from './model/graph.js';
import { nearest } from './model/nearest.js';

/** Throws BuildError `usage` on an id that no RUN of the build has; `all` is all of them. */
export function checkMountIds(
  flag: string,
  wanted: readonly string[],
  plans: readonly BuildPlan[],
): void {
  const ids = cacheMountsOf(plans).map(({ id }) => id);
  for (const id of wanted) {
    if (id === 'all' || ids.includes(id)) continue;
    const near = nearest(id, ids);
    const none = 'its id is what id= says, else its target, of a RUN --mount=type=cache';
    throw new BuildError('usage', `${flag} ${JSON.stringify(id)}: no step has this cache mount`, {
      hint: near === undefined ? none : `did you mean ${near}?`,
    });
  }
}

export function cacheMountsOf(plans: readonly BuildPlan[]): readonly CacheMountSpec[] {
  return plans
    .flatMap(({ vertices }) => vertices.map(({ op }) => op))
    .flatMap((op) => (op.kind === 'exec' ? op.mounts : []))
    .filter((mount) => mount.type === 'cache');
}
