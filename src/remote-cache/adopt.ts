import type { Store } from '../cache/store.js';
import { rememberCompressed } from '../exporter/layer-source.js';
import type { CacheKey } from '../model/digest.js';
import type { KeyedStep } from '../model/op.js';
import type { CacheImports, ImportedStep } from './imports.js';

/** A step found by what its inputs hold: the lowest of its layers are those of its first input, trees that are here. */
export interface ImportedOnto extends ImportedStep {
  readonly below: readonly string[];
}

export interface Imported {
  readonly imports: CacheImports;
  /** By the key that a step has here. */
  readonly byContent: ReadonlyMap<CacheKey, ImportedOnto>;
}

/**
 * Records the steps of other machines whose layers this build brought here: the next build has them without a network.
 * Their blobs are remembered, so that nothing is compressed that came compressed.
 */
export async function adoptSteps(
  steps: readonly KeyedStep[],
  { imports, byContent }: Imported,
  store: Store,
): Promise<void> {
  for (const { key } of steps) {
    const found = byContent.get(key) ?? imports.find(key);
    if (found === undefined || (await isKnown(key, store))) continue;
    await adopt(key, { below: [], ...found }, store);
  }
}

async function isKnown(key: KeyedStep['key'], { records, snapshots }: Store): Promise<boolean> {
  const record = await records.byDefinition(key);
  if (record === undefined) return false;
  const ids = JSON.parse(record.result) as readonly string[]; // Records of steps are lists of trees.
  const layers = await Promise.all(ids.map((id) => snapshots.open(id)));
  return layers.every((layer) => layer !== undefined);
}

async function adopt(
  key: CacheKey,
  { step, layers, below }: ImportedOnto,
  store: Store,
): Promise<void> {
  const own = layers.slice(below.length);
  const trees = await Promise.all(own.map(({ diffID }) => store.treeOf(diffID)));
  const above = trees.flatMap((tree) =>
    tree === undefined || tree.epoch !== undefined ? [] : [tree.layer.id],
  );
  if (above.length < own.length) return;
  const ids = [...below, ...above];
  const { op, content, tree: digest, created, name } = step;
  const record = {
    ...{ result: JSON.stringify(ids), digest, created },
    ...(name === undefined ? {} : { name }),
    ...(content === undefined ? {} : { content }),
  };
  await store.records.putDefinition(key, record);
  if (content !== undefined) await store.records.putContent(op, content, record);
  for (const { blob, diffID, held } of own) if (held) await rememberCompressed(blob, diffID, store);
}
