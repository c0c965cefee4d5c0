import { unreachable } from '../model/error.js';
import type { OpSpec, Vertex } from '../model/graph.js';
import type { Op } from '../model/op.js';
import type { Snapshot } from '../model/stores.js';
import { copyOp } from './copy-op.js';
import type { ExecutorDeps } from './executor-deps.js';
import { execOp } from './exec-op.js';
import { gitOp } from './git-op.js';
import { httpOp } from './http-op.js';
import { mergeOp } from './merge-op.js';
import { mkdirOp } from './mkdir-op.js';
import { part } from './parts.js';

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
    case 'http':
      return httpOp(spec, vertex, deps);
    case 'git':
      return gitOp(spec, vertex, deps);
    case 'exec':
      return execOp(spec, vertex, deps);
    case 'copy':
      return copyOp(spec, deps);
    case 'merge':
      return mergeOp(deps);
    case 'mkdir':
      return mkdirOp(spec, deps);
    default:
      return unreachable(spec);
  }
}
