import type { Store } from '../cache/store.js';
import { ociLayer } from '../exporter/oci-layer.js';
import { type DiffID, isDigest, type TreeDigest } from '../model/digest.js';
import type { Descriptor } from '../model/oci.js';
import type { KeyedStep } from '../model/op.js';
import type { Scope } from '../model/scope.js';
import type { StepFacts } from './cache-contents.js';
import type { CacheImports } from './imports.js';

/** A layer of a step's result, and where its bytes are. */
export interface StepLayer {
  readonly diffID: DiffID;
  /** Of its tree, where that is here: another tar may hold the same. */
  readonly content?: TreeDigest;
  readonly created: string;
  /** As it is named there; of a tree of the store: uncompressed. */
  readonly blob: Descriptor;
  /**
   * The base image's: does not travel. The same of one that no registry has: travels as it is. The store's, by its tree.
   * Another cache's, by number.
   */
  readonly at: 'base' | 'carried' | 'store' | number;
}

/** A step of this build with what it gave, whoever ran it. */
export interface CollectedStep extends StepFacts {
  readonly keyed: KeyedStep;
  readonly layers: readonly StepLayer[];
}

/** A base image's layer. */
export interface BaseBlob {
  readonly blob: Descriptor;
  /** No registry has it. */
  readonly travels: boolean;
}

export interface Known {
  readonly store: Store;
  readonly imports: CacheImports | undefined;
  /** Layers of the images the build is on, as they are named there. */
  readonly bases: ReadonlyMap<DiffID, BaseBlob>;
  /** Trees of the images that were built: of layers that hold the same, theirs are taken. */
  readonly own: readonly string[];
}

/** The steps whose results are known, in the graph's order. One below a cached step may be known to nobody. */
export async function collectSteps(
  steps: readonly KeyedStep[],
  known: Known,
  scope: Scope,
): Promise<readonly CollectedStep[]> {
  const layer = storedLayers(known, await basesByContent(known, scope), scope);
  for (const id of known.own) await layer(id);
  const all: (CollectedStep | undefined)[] = [];
  for (const keyed of steps) all.push((await local(keyed, known, layer)) ?? imported(keyed, known));
  return all.filter((step) => step !== undefined);
}

type StoredLayer = (name: string, told?: () => LayerNote) => Promise<StepLayer | undefined>;

/** What is said of a base's layer that is not here; nobody says more than that it is as old as the step on it. */
type LayerNote = Pick<StepLayer, 'created' | 'content'>;

/**
 * By a tree, or the diffID of a base that nothing looked into. Each is looked at once. Records of steps that were run again, and those of steps that were cut off early, may name
 * different layers that hold the same: the first stands for all.
 */
function storedLayers(
  { store, bases }: Known,
  byContent: Map<TreeDigest, StepLayer>,
  scope: Scope,
): StoredLayer {
  const known = new Map<string, Promise<StepLayer | undefined>>();
  const read = async (id: string, told: () => LayerNote): Promise<StepLayer | undefined> => {
    if (isDigest(id)) {
      const base = bases.get(id);
      if (base === undefined) return undefined;
      const { created, content } = told();
      return { created, ...(content === undefined ? {} : { content }), ...ofBase(id, base) };
    }
    const layer = await store.snapshots.open(id);
    const meta = await layer?.meta(scope);
    if (meta === undefined) return undefined;
    const { diffID, content, created, tarBytes } = meta;
    const base = bases.get(diffID);
    if (base !== undefined) return { content, created, ...ofBase(diffID, base) };
    const alike = byContent.get(content);
    if (alike !== undefined) return alike;
    const blob = { mediaType: PLAIN, digest: diffID, size: tarBytes };
    const found: StepLayer = { diffID, content, created, blob, at: 'store' };
    byContent.set(content, found);
    return found;
  };
  return (id, told = () => ({ created: '' })) => {
    const found = known.get(id) ?? read(id, told);
    known.set(id, found);
    return found;
  };
}

/** A step may have been found on an earlier base that held the same: those layers need not travel for it. */
async function basesByContent(
  { store, bases }: Known,
  scope: Scope,
): Promise<Map<TreeDigest, StepLayer>> {
  const found = new Map<TreeDigest, StepLayer>();
  for (const [diffID, base] of bases) {
    const tree = await store.treeOf(diffID);
    if (tree === undefined || tree.epoch !== undefined) continue;
    const { content, created } = await tree.layer.meta(scope);
    found.set(content, { content, created, ...ofBase(diffID, base) });
  }
  return found;
}

/** One that is not compressed leaves as a layer that was built here does. */
export function ofBase(
  diffID: DiffID,
  { blob, travels }: BaseBlob,
): Pick<StepLayer, 'diffID' | 'blob' | 'at'> {
  if (!travels) return { diffID, blob, at: 'base' };
  const { mediaType, digest, size } = ociLayer(blob);
  return {
    diffID,
    blob: { mediaType, digest, size },
    at: mediaType === PLAIN ? 'store' : 'carried',
  };
}

const PLAIN = 'application/vnd.oci.image.layer.v1.tar';

async function local(
  keyed: KeyedStep,
  { store, imports }: Known,
  layer: StoredLayer,
): Promise<CollectedStep | undefined> {
  const record = await store.records.byDefinition(keyed.key);
  if (record === undefined) return undefined;
  const theirs = (id: string): LayerNote | undefined =>
    imports?.find(keyed.key)?.layers.find(({ diffID }) => diffID === id);
  const ids = JSON.parse(record.result) as readonly string[]; // `snapshotRecords` wrote it.
  const layers: StepLayer[] = [];
  for (const id of ids) {
    const found = await layer(id, () => theirs(id) ?? { created: record.created });
    if (found === undefined) return undefined;
    layers.push(found);
  }
  const { result: _result, digest: tree, ...facts } = record;
  return { ...facts, keyed, key: keyed.key, op: keyed.opDigest, tree, layers };
}

function imported(keyed: KeyedStep, { imports, bases }: Known): CollectedStep | undefined {
  const found = imports?.find(keyed.key);
  if (found === undefined) return undefined;
  const layers = found.layers.map((layer): StepLayer => {
    const { diffID, created, content } = layer;
    const known = { created, ...(content === undefined ? {} : { content }) };
    const base = bases.get(diffID);
    if (layer.held && base?.travels !== false)
      return { ...known, diffID, blob: layer.blob, at: found.cache };
    return { ...known, ...ofBase(diffID, base ?? { blob: layer.blob, travels: false }) };
  });
  return { ...found.step, keyed, key: keyed.key, layers };
}
