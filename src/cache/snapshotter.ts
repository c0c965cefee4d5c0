import { mkdirSync, mkdtempSync } from 'node:fs';
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
  MountedTree,
  Snapshot,
  Snapshotter,
} from '../model/stores.js';
import { sys } from '../sys/sys.js';
import type { Chores } from './chores.js';
import { ensureLayers } from './ensure-layers.js';
import { applyTar, hashing } from './apply.js';
import { decompress } from './decompress.js';
import { createLayerLog } from './layer-log.js';
import { removeTree } from './remove-tree.js';
import { checkRoom } from './room.js';
import type { TreeStore } from './tree-store.js';

/** Gives a private directory on the store's filesystem that goes with the process. */
type Temporary = () => Promise<string>;

/** A file from this size on is asked room for before it is written. */
const LARGE = 4 << 20;

/** The kernel takes 500 layers; one is the upper directory. */
const MAX_LAYERS = 490;

export interface SnapshotterOptions {
  readonly temporary: Temporary;
  /** Claims blobs by id, as a lease does. */
  readonly claim: (ids: readonly string[]) => void;
  readonly later: Chores['add'];
  /** At least so many bytes are in a layer. */
  readonly unpackedBytes: (layer: Descriptor) => number;
}

export function createSnapshotter(trees: TreeStore, options: SnapshotterOptions): Snapshotter {
  const { temporary, claim, later } = options;
  const unpacking = new Map<DiffID, Promise<Layer>>();
  const unpackOnce = (blob: LazyBlob, scope: Scope): Promise<Layer> => {
    const running = unpacking.get(blob.diffID);
    if (running !== undefined) return running;
    const started = unpack(blob, { ...options, trees }, scope);
    unpacking.set(blob.diffID, started);
    started.catch(() => unpacking.delete(blob.diffID));
    return started;
  };
  return {
    open: (id) => trees.open(id),
    fromBlob: async (descriptor, diffID, source) => {
      claim([hexOf(descriptor.digest)]); // An image on it names the blob, too.
      return (await trees.byDiff(diffID)) ?? lazyLayer({ descriptor, diffID, source }, unpackOnce);
    },
    snapshot: (layers) => ({ layers, digest: (scope) => treeDigest(layers, scope) }),
    prepare: (parent, scope) => prepare(parent, { trees, temporary, later }, scope),
    view: (snapshot, scope) => view(snapshot, temporary, scope),
  };
}

interface LazyBlob {
  readonly descriptor: Descriptor;
  readonly diffID: DiffID;
  readonly source: BlobSource;
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
  return {
    get id() {
      return need().id;
    },
    get path() {
      return need().path;
    },
    ensure: async (scope) => {
      layer ??= await unpackOnce(blob, scope);
    },
    meta: async (scope): Promise<LayerMeta> => (await unpackOnce(blob, scope)).meta(scope),
  };
}

async function unpack(
  blob: LazyBlob,
  { trees, temporary, unpackedBytes }: SnapshotterOptions & { readonly trees: TreeStore },
  scope: Scope,
): Promise<Layer> {
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
  const layer = trees.adopt(root, new Map(), { alias: blob.diffID });
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
  const metas = await Promise.all(layers.map((layer) => layer.meta(scope)));
  let digest: TreeDigest = canonicalDigest([]);
  for (const meta of metas) digest = canonicalDigest([digest, meta.content]);
  return digest;
}

interface Workplace {
  readonly trees: TreeStore;
  readonly temporary: Temporary;
  readonly later: Chores['add'];
}

async function prepare(
  parent: Snapshot,
  { trees, temporary, later }: Workplace,
  scope: Scope,
): Promise<ActiveLayer> {
  checkDepth(parent);
  await ensureLayers(parent.layers, scope);
  const directory = mkdtempSync(join(await temporary(), 'step-'));
  const [upper, work, root] = ['upper', 'work', 'root'].map((name) => join(directory, name));
  if (upper === undefined || work === undefined || root === undefined) throw new Error('no paths');
  mkdirSync(upper, { mode: 0o755 });
  const known = new Map<string, string>();
  const log = createLayerLog(upper, known);
  let committed = false;
  let mounted = false;
  const unmount = (): void => {
    if (mounted) sys().umount(root);
    mounted = false;
  };
  return {
    upper,
    known,
    log,
    unmount,
    mount: (_scope, options) => {
      if (!mounted) {
        mkdirSync(work);
        mkdirSync(root);
        const lowers = lowersOf(parent, directory);
        sys().mountOverlay({ lowers, upper, work, target: root, ...options });
        mounted = true;
      }
      return Promise.resolve(root);
    },
    commit: () => {
      unmount();
      committed = true;
      return Promise.resolve(trees.adopt(upper, known, { facts: log.facts() }));
    },
    [Symbol.asyncDispose]: () => {
      unmount();
      log.close();
      // What was not committed may be large: it goes with the lease.
      if (committed) later(() => removeTree(directory, () => false));
      return Promise.resolve();
    },
  };
}

async function view(snapshot: Snapshot, temporary: Temporary, scope: Scope): Promise<MountedTree> {
  checkDepth(snapshot);
  await ensureLayers(snapshot.layers, scope);
  const directory = mkdtempSync(join(await temporary(), 'view-'));
  const root = join(directory, 'root');
  mkdirSync(root);
  const lowers = lowersOf(snapshot, directory);
  const empty = snapshot.layers.length === 0;
  // Without an upper directory overlay wants two lowers.
  if (!empty) sys().mountOverlay({ lowers: [...lowers, emptyDirectory(directory)], target: root });
  return {
    root,
    [Symbol.asyncDispose]: () => {
      if (!empty) sys().umount(root);
      removeTree(directory, () => false);
      return Promise.resolve();
    },
  };
}

/**
 * Top first; overlay wants at least one, also on scratch. It refuses the same directory twice (images repeat layers, and
 * so do linked copies): what the lower one holds is seen in the upper one.
 */
function lowersOf(snapshot: Snapshot, directory: string): string[] {
  if (snapshot.layers.length === 0) return [emptyDirectory(directory)];
  return [...new Set(snapshot.layers.map((layer) => layer.path).reverse())];
}

function emptyDirectory(directory: string): string {
  const empty = join(directory, 'empty');
  mkdirSync(empty, { recursive: true });
  return empty;
}

function checkDepth(snapshot: Snapshot): void {
  if (snapshot.layers.length <= MAX_LAYERS) return;
  throw new BuildError(
    'runtime',
    `an image of ${String(snapshot.layers.length)} layers is too deep`,
    {
      hint: `join RUN and COPY instructions: at most ${String(MAX_LAYERS)} layers can be mounted`,
    },
  );
}
