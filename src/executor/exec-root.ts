import type { ExecSpec } from '../model/graph.js';
import type { BindMount } from '../model/process.js';
import type { Scope } from '../model/scope.js';
import type { ActiveLayer } from '../model/stores.js';
import { attachAll, type MountSource } from '../runtime/attach-mounts.js';
import type { CleanupStack } from './cleanup-stack.js';

/** A step's root with all that is mounted in it. */
export interface ExecRoot {
  readonly path: string;
  /** What is left for the runtime to mount. */
  readonly mounts: readonly BindMount[];
  /** The step is over: the layer holds what it changed, and nothing of the mounts. */
  readonly end: () => Promise<void>;
}

export interface ExecRootJob {
  readonly spec: ExecSpec;
  readonly layer: ActiveLayer;
  readonly sources: readonly MountSource[];
  /** The script of the step, for /dev. */
  readonly scripts: readonly BindMount[];
  /** Files of the step's own, in the store. */
  readonly directory: string;
  readonly stack: CleanupStack;
}

export async function mountedRoot(job: ExecRootJob, scope: Scope): Promise<ExecRoot> {
  const { spec, layer, sources, scripts, stack } = job;
  const path = await layer.mount(scope, { devices: spec.security === 'insecure' });
  // Whatever comes, the upper directory is nobody's mount when it is read or removed.
  stack.defer(() => {
    layer.unmount();
  });
  attachAll(path, sources);
  return { path, mounts: scripts, end: () => layer.collect() };
}
