import { type BaseLayer, baseLayers } from './base-layers.js';
import { blobSource } from './image-source.js';
import { type DiffID, isDigest } from './model/digest.js';
import type { BuildPlan } from './model/graph.js';
import type { BlobSource, Layer, Snapshot } from './model/stores.js';
import type { Workshop } from './workshop.js';

/** Snapshots as the records of steps name them. */
export interface SnapshotRecords {
  /**
   * JSON: a list of trees, bottom first; a base's layer that nothing looked into is named by its diffID. Undefined where
   * another layer is not here.
   */
  readonly save: (snapshot: Snapshot) => string | undefined;
  /** If all layers are still there. Every step keeps the layers of its first input, so those may stand in. */
  readonly load: (stored: string, inputs?: readonly Snapshot[]) => Promise<Snapshot | undefined>;
}

/** Of a build of these plans. `sourceOf` gives where a base's layers come from, if not from its registry alone. */
export function snapshotRecords(
  plans: readonly BuildPlan[],
  workshop: Workshop,
  sourceOf: (reference: string) => BlobSource = (reference) => blobSource(reference, workshop),
): SnapshotRecords {
  const { claims, snapshots } = workshop.store;
  let known: ReadonlyMap<DiffID, BaseLayer> | undefined;
  const baseOf = (diffID: DiffID): BaseLayer | undefined =>
    (known ??= baseLayers(plans)).get(diffID);
  const open = async (name: string): Promise<Layer | undefined> => {
    if (!isDigest(name)) return snapshots.open(name);
    const base = baseOf(name);
    return base && snapshots.fromBlob(base.blob, name, sourceOf(base.reference));
  };
  return {
    save: ({ layers }) => {
      const names = layers.map((layer) => {
        if (layer.isHere) return layer.id;
        return layer.diffID && baseOf(layer.diffID) && layer.diffID;
      });
      return names.includes(undefined) ? undefined : JSON.stringify(names);
    },
    load: async (stored, [below] = []) => {
      const names = JSON.parse(stored) as readonly string[];
      claims.claim(names.filter((name) => !isDigest(name)));
      const layers = await Promise.all(
        names.map(async (name, i) => (await open(name)) ?? below?.layers[i]),
      );
      const found = layers.filter((layer) => layer !== undefined);
      return found.length === names.length ? snapshots.snapshot(found) : undefined;
    },
  };
}
