import { existsSync, mkdirSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { canonicalDigest } from '../model/canonical.js';
import type { DiffID, TreeDigest } from '../model/digest.js';
import { digestFromHex, hexOf } from '../model/digest.js';
import { BuildError } from '../model/error.js';
import type { Descriptor } from '../model/oci.js';
import type { Scope } from '../model/scope.js';
import type {
  ActiveLayer,
  BlobSource,
  Layer,
  LayerMeta,
  Snapshot,
  Snapshotter,
} from '../model/stores.js';
import type { Chores } from './chores.js';
import { ensureLayers } from './ensure-layers.js';
import { applyTar, hashing } from './apply.js';
import { decompress } from './decompress.js';
import { createLayerLog } from './layer-log.js';
import { removeTree } from './remove-tree.js';
import { checkRoom } from './room.js';
import { Roots, type StepRoot } from './roots.js';
import type { TreeStore } from './tree-store.js';
import type { Turn } from './turn.js';

/** Gives a private directory on the store's filesystem that goes with the process. */
type Temporary = () => Promise<string>;

/** A file from this size on is asked room for before it is written. */
const LARGE = 4 << 20;

export interface SnapshotterOptions {
  readonly temporary: Temporary;
  /** Claims blobs by id, as a lease does. */
  readonly claim: (ids: readonly string[]) => void;
  readonly later: Chores['add'];
  /** One process at a time unpacks a layer; the others find it unpacked. */
  readonly unpackTurn: (diffID: DiffID, signal: AbortSignal) => Promise<Turn>;
  /** At least so many bytes are in a layer. */
  readonly unpackedBytes: (layer: Descriptor) => number;
}

export function createSnapshotter(trees: TreeStore, options: SnapshotterOptions): Snapshotter {
  const { temporary, claim, later } = options;
  const roots = new Roots({ temporary, later });
  const unpacking = new Map<DiffID, Promise<Layer>>();
  const unpackOnce = (blob: LazyBlob, scope: Scope): Promise<Layer> => {
    const anew = (): Promise<Layer> => unpack(blob, { ...options, trees }, scope);
    const running = unpacking.get(blob.diffID);
    // A prune may have been quicker than our claims: then what was unpacked is gone.
    const started = running?.then((layer) => (existsSync(layer.path) ? layer : anew())) ?? anew();
    unpacking.set(blob.diffID, started);
    started.catch(() => unpacking.delete(blob.diffID));
    return started;
  };
  return {
    open: (id) => trees.open(id),
    fromBlob: async (descriptor, diffID, source, created) => {
      claim([hexOf(descriptor.digest)]); // An image on it names the blob, too.
      const blob = { descriptor, diffID, source, created };
      return (await trees.byDiff(diffID)) ?? lazyLayer(blob, unpackOnce);
    },
    snapshot: (layers) => ({ layers, digest: (scope) => treeDigest(layers, scope) }),
    prepare: (parent, scope) => prepare(parent, { trees, temporary, later, roots }, scope),
    view: (snapshot, scope) => roots.view(snapshot, scope),
  };
}

interface LazyBlob {
  readonly descriptor: Descriptor;
  readonly diffID: DiffID;
  readonly source: BlobSource;
  readonly created: string | undefined;
}

/** A pulled layer that is unpacked when first needed. */
function lazyLayer(
  blob: LazyBlob,
  unpackOnce: (blob: LazyBlob, scope: Scope) => Promise<Layer>,
): Layer {
  let layer: Layer | undefined;
  const need = (): Layer => {
    if (layer === undefined) throw new Error(`layer ${blob.diffID} is not unpacked`);
    return layer;
  };
  const meta = async (scope: Scope): Promise<LayerMeta> => {
    layer ??= await unpackOnce(blob, scope);
    return layer.meta(scope);
  };
  return {
    get isHere() {
      return layer !== undefined;
    },
    diffID: blob.diffID,
    get id() {
      return need().id;
    },
    get path() {
      return need().path;
    },
    ensure: async (scope) => {
      layer ??= await unpackOnce(blob, scope);
    },
    meta,
    content: async (scope) => (await meta(scope)).content,
  };
}

async function unpack(
  blob: LazyBlob,
  {
    trees,
    temporary,
    unpackedBytes,
    unpackTurn,
  }: SnapshotterOptions & { readonly trees: TreeStore },
  scope: Scope,
): Promise<Layer> {
  await using turn = await unpackTurn(blob.diffID, scope.signal);
  const existing = await trees.byDiff(blob.diffID);
  if (existing !== undefined) return existing;
  const home = await temporary();
  const { descriptor } = blob;
  checkRoom(home, unpackedBytes(descriptor), `layer ${descriptor.digest}`);
  const directory = mkdtempSync(join(home, 'unpack-'));
  const root = join(directory, 'fs');
  mkdirSync(root, { mode: 0o755 });
  let hex = '';
  const tar = hashing(decompress(blob.source(blob.descriptor, scope)), (value) => (hex = value));
  await applyTar(aborting(tar, scope.signal), root, {
    whiteouts: true,
    // What packs well may be far larger than its blob.
    beforeEntry: ({ size }) => {
      turn.progress();
      if (size >= LARGE) checkRoom(home, size, `a file of layer ${descriptor.digest}`);
    },
  });
  if (digestFromHex(hex) !== blob.diffID) {
    throw new BuildError(
      'integrity',
      `layer ${blob.descriptor.digest} does not hold what its image says: ` +
        `diffID is sha256:${hex}, expected ${blob.diffID}`,
    );
  }
  const { diffID: alias, created } = blob;
  const layer = trees.adopt(root, new Map(), { alias, created });
  await layer.meta(scope);
  return layer;
}

async function* aborting<T>(source: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  for await (const item of source) {
    signal.throwIfAborted();
    yield item;
  }
}

async function treeDigest(layers: readonly Layer[], scope: Scope): Promise<TreeDigest> {
  const contents = await Promise.all(layers.map((layer) => layer.content(scope)));
  return contents.reduce<TreeDigest>(
    (digest, content) => canonicalDigest([digest, content]),
    canonicalDigest([]),
  );
}

interface Workplace {
  readonly trees: TreeStore;
  readonly temporary: Temporary;
  readonly later: Chores['add'];
  readonly roots: Roots;
}

async function prepare(
  parent: Snapshot,
  { trees, temporary, later, roots }: Workplace,
  scope: Scope,
): Promise<ActiveLayer> {
  await ensureLayers(parent.layers, scope);
  const directory = mkdtempSync(join(await temporary(), 'step-'));
  const upper = join(directory, 'upper');
  mkdirSync(upper, { mode: 0o755 });
  const known = new Map<string, string>();
  const log = createLayerLog(upper, known);
  let committed = false;
  let root: StepRoot | undefined;
  return {
    upper,
    known,
    log,
    unmount: () => {
      root?.unmount();
    },
    mount: async (_scope, options) => {
      root ??= await roots.open({ parent, directory, upper, ...options }, scope);
      return root.path;
    },
    collect: async () => root?.collect(scope),
    commit: () => {
      root?.unmount();
      committed = true;
      const layer = trees.adopt(upper, known, { facts: log.facts() });
      root?.committed(layer);
      return Promise.resolve(layer);
    },
    [Symbol.asyncDispose]: () => {
      root?.unmount();
      root?.discard();
      log.close();
      // What was not committed may be large: it goes with the lease.
      if (committed) later(() => removeTree(directory, () => false));
      return Promise.resolve();
    },
  };
}
