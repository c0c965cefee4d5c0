import { unreachable } from '../model/error.js';
import type { ImageSpec, OpSpec, Vertex } from '../model/graph.js';
import type { Op } from '../model/op.js';
import type { Runtime } from '../model/process.js';
import type { Scope } from '../model/scope.js';
import type { Snapshot, Snapshotter } from '../model/stores.js';
import type { BuildContext } from './build-context.js';
import { copyOp } from './copy-op.js';
import { execOp } from './exec-op.js';
import { mkdirOp } from './mkdir-op.js';
import { part } from './parts.js';

/** What steps need of the house; everything slow is asked for when a step needs it. */
export interface ExecutorDeps {
  readonly snapshots: Snapshotter;
  readonly runtime: () => Promise<Runtime>;
  readonly context: (scope: Scope) => Promise<BuildContext>;
  /** An image's layers, lazy: nothing is downloaded or unpacked yet. */
  readonly openImage: (spec: ImageSpec) => Promise<Snapshot>;
  /** A private directory that goes with the process. */
  readonly temporary: () => Promise<string>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Data to behaviour: the solver knows no more of a step than this gives it. */
export function resolveOp(spec: OpSpec, vertex: Vertex, deps: ExecutorDeps): Op<Snapshot> {
  switch (spec.kind) {
    case 'image':
      return {
        source: true,
        definition: () => Promise.resolve([part('base', spec.diffIDs, spec.reference)]),
        run: () => deps.openImage(spec),
      };
    case 'scratch':
      return {
        source: true,
        definition: () => Promise.resolve([part('base', 'scratch', 'scratch')]),
        run: () => Promise.resolve(deps.snapshots.snapshot([])),
      };
    case 'exec':
      return execOp(spec, vertex, deps);
    case 'copy':
      return copyOp(spec, deps);
    case 'mkdir':
      return mkdirOp(spec, deps);
    default:
      return unreachable(spec);
  }
}
