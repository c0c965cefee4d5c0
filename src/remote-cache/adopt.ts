import type { Store } from '../cache/store.js';
import { rememberCompressed } from '../exporter/layer-source.js';
import type { CacheKey, DiffID } from '../model/digest.js';
import type { Descriptor } from '../model/oci.js';
import type { KeyedStep, StepRecord } from '../model/op.js';
import type { Snapshot } from '../model/stores.js';
import type { CacheImports } from './imports.js';

/** A step whose result was not all here when it was known. */
export interface UnsavedStep {
  /** Of a cache, where it was found in one. */
  readonly record: StepRecord;
  readonly snapshot: Snapshot;
}

export interface Imported {
  readonly imports: CacheImports;
  /** By the key that a step has here. */
  readonly unsaved: ReadonlyMap<CacheKey, UnsavedStep>;
  /** What a record of a cache means. */
  readonly load: (stored: string) => Promise<Snapshot | undefined>;
  /** Of the store. */
  readonly own: {
    readonly save: (snapshot: Snapshot) => string | undefined;
    readonly load: (stored: string) => Promise<Snapshot | undefined>;
  };
}

/**
 * Records the steps of other machines whose layers this build brought here, and those on top of them: the next build has
 * them without a network. Their blobs are remembered, so that nothing is compressed that came compressed.
 */
export async function adoptSteps(
  steps: readonly KeyedStep[],
  imported: Imported,
  store: Store,
): Promise<void> {
  const { imports, unsaved, own } = imported;
  const came = new Map<DiffID, Descriptor>();
  for (const step of steps) {
    const known = await store.records.byDefinition(step.key);
    if (known !== undefined && (await own.load(known.result)) !== undefined) continue;
    const found = unsaved.get(step.key) ?? (await byDefinition(step, imported));
    if (found === undefined) continue;
    const result = own.save(found.snapshot);
    if (result === undefined) continue;
    await record(step, { ...found.record, result }, store);
    for (const { blob, diffID, held } of imports.open(found.record.result)?.layers ?? [])
      if (held) came.set(diffID, blob);
  }
  for (const [diffID, blob] of came)
    if ((await store.treeOf(diffID)) !== undefined) await rememberCompressed(blob, diffID, store);
}

async function byDefinition(
  { key }: KeyedStep,
  { imports, load }: Imported,
): Promise<UnsavedStep | undefined> {
  const record = await imports.byDefinition(key);
  const snapshot = record && (await load(record.result));
  return snapshot && { record, snapshot };
}

async function record(
  { key, opDigest }: KeyedStep,
  saved: StepRecord,
  { records }: Store,
): Promise<void> {
  await records.putDefinition(key, saved);
  for (const each of [saved.content, saved.whole])
    if (each !== undefined) await records.putContent(opDigest, each, saved);
}
