import type { Store } from '../cache/store.js';
import { rememberCompressed } from '../exporter/layer-source.js';
import type { CacheKey, Digest, DiffID } from '../model/digest.js';
import type { Descriptor } from '../model/oci.js';
import type { KeyedStep, StepRecord } from '../model/op.js';
import type { Layer } from '../model/stores.js';
import type { CacheImports, ImportedStep } from './imports.js';

/** A step whose result was not all here when it was known. */
export interface UnsavedStep {
  readonly op: Digest;
  readonly record: Omit<StepRecord, 'result'>;
  readonly layers: readonly Layer[];
  /** Where it was found, if in a cache. */
  readonly from: ImportedStep | undefined;
}

export interface Imported {
  readonly imports: CacheImports;
  /** By the key that a step has here. */
  readonly unsaved: ReadonlyMap<CacheKey, UnsavedStep>;
}

/**
 * Records the steps of other machines whose layers this build brought here, and those on top of them: the next build has
 * them without a network. Their blobs are remembered, so that nothing is compressed that came compressed.
 */
export async function adoptSteps(
  steps: readonly KeyedStep[],
  { imports, unsaved }: Imported,
  store: Store,
): Promise<void> {
  const came = new Map<DiffID, Descriptor>();
  for (const { key } of steps) {
    const from = unsaved.get(key) ?? imports.find(key);
    if (from === undefined || (await isKnown(key, store))) continue;
    const found = 'record' in from ? from : await imported(from, store);
    if (!found?.layers.every(({ isHere }) => isHere)) continue;
    await adopt(key, found, store);
    for (const { blob, diffID, held } of found.from?.layers ?? []) if (held) came.set(diffID, blob);
  }
  for (const [diffID, blob] of came)
    if ((await store.treeOf(diffID)) !== undefined) await rememberCompressed(blob, diffID, store);
}

/** One that was found by its definition. */
async function imported(from: ImportedStep, store: Store): Promise<UnsavedStep | undefined> {
  const trees = await Promise.all(from.layers.map(({ diffID }) => store.treeOf(diffID)));
  const layers = trees.flatMap((tree) =>
    tree === undefined || tree.epoch !== undefined ? [] : [tree.layer],
  );
  if (layers.length < from.layers.length) return undefined;
  const { op, tree: digest, key: _key, layers: _layers, ...facts } = from.step;
  return { op, record: { ...facts, digest }, layers, from };
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
  { op, record: facts, layers }: UnsavedStep,
  store: Store,
): Promise<void> {
  const record = { ...facts, result: JSON.stringify(layers.map(({ id }) => id)) };
  await store.records.putDefinition(key, record);
  for (const each of [record.content, record.whole])
    if (each !== undefined) await store.records.putContent(op, each, record);
}
