import type { DiffID } from './model/digest.js';
import type { BuildPlan } from './model/graph.js';
import type { Descriptor } from './model/oci.js';

/** A layer of an image the build is on: how it is named there, and which image that is. */
export interface BaseLayer {
  readonly blob: Descriptor;
  readonly reference: string;
}

/** Of all images of the plans, by diffID. */
export function baseLayers(plans: readonly BuildPlan[]): ReadonlyMap<DiffID, BaseLayer> {
  const found = new Map<DiffID, BaseLayer>();
  for (const { op } of plans.flatMap(({ vertices }) => vertices)) {
    if (op.kind !== 'image') continue;
    for (const [i, blob] of op.layers.entries()) {
      const diffID = op.diffIDs[i];
      if (diffID !== undefined) found.set(diffID, { blob, reference: op.reference });
    }
  }
  return found;
}
