import type { Op } from '../model/op.js';
import type { Snapshot } from '../model/stores.js';
import type { ExecutorDeps } from './executor-deps.js';
import { part } from './parts.js';

/** COPY --link: the copy's layer on top of the base's, whatever the base holds. Nothing is read or written. */
export function mergeOp(deps: ExecutorDeps): Op<Snapshot> {
  return {
    definition: () => Promise.resolve([part('merge', true)]),
    run: ([base, copy]) => {
      if (base === undefined || copy === undefined) throw new Error('a merge without its inputs');
      return Promise.resolve(deps.snapshots.snapshot([...base.layers, ...copy.layers]));
    },
  };
}
