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
  const { imports, unsaved } = imported;
  const came = new Map<DiffID, Descriptor>();
  for (const step of steps) {
    const noted = unsaved.get(step.key);
    const from = noted?.record ?? (await imports.byDefinition(step.key));
    if (from === undefined || (await isKnown(step, imported, store))) continue;
    const snapshot = noted?.snapshot ?? (await imported.load(from.result));
    const result = snapshot && imported.own.save(snapshot);
    if (result === undefined) continue;
    await record(step, { ...from, result }, store);
    for (const { blob, diffID, held } of imports.open(from.result)?.layers ?? [])
      if (held) came.set(diffID, blob);
  }
  for (const [diffID, blob] of came)
    if ((await store.treeOf(diffID)) !== undefined) await rememberCompressed(blob, diffID, store);
}

async function isKnown(
  { key }: KeyedStep,
  { own }: Imported,
  { records }: Store,
): Promise<boolean> {
  const known = await records.byDefinition(key);
  return known !== undefined && (await own.load(known.result)) !== undefined;
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
