import { applyChanges } from './config-changes.js';
import { type Change, type ChangedTree, containerChanges } from './container/changes.js';
import { writeChangeLayer } from './container/change-layer.js';
import { standStill } from './container/stand-still.js';
import { companions } from './companions.js';
import { changedTree } from './container-tree.js';
import type { ContainerState } from './model/container.js';
import type { Digest } from './model/digest.js';
import { BuildError } from './model/error.js';
import { type Descriptor, type ImageConfig, type Manifest, MediaType } from './model/oci.js';
import { familiarName, parseReference, type Reference } from './model/reference.js';
import type { Scope } from './model/scope.js';
import type { LayerMeta, Snapshot } from './model/stores.js';
import type { Workshop } from './workshop.js';

export interface CommitOptions {
  readonly container: string;
  /** Name of the new image; without one it is `<none>`. */
  readonly name?: string;
  readonly author?: string;
  readonly message?: string;
  /** Dockerfile instructions for its config. */
  readonly changes: readonly string[];
  /** Stop the container's processes meanwhile. */
  readonly pause: boolean;
}

/**
 * What a container changed in its filesystem. Its processes stand still meanwhile: a directory that became a link would
 * lead out. Throws BuildError `not-found`.
 */
export async function diffContainer(name: string, workshop: Workshop): Promise<readonly Change[]> {
  const state = workshop.containers.find(name);
  const snapshot = await openLayers(state, workshop);
  await using _still = await standStill(state, { ...workshop, ...companions(workshop) });
  return containerChanges(treeOf(state, snapshot, workshop));
}

/** Makes an image of a container: its image, one layer with exactly its diff, its config. Durable when it returns. */
export async function commitContainer(
  options: CommitOptions,
  workshop: Workshop,
  scope: Scope,
): Promise<Digest> {
  const name = options.name === undefined ? undefined : parseReference(options.name);
  const state = workshop.containers.find(options.container);
  const config = await applyChanges(state.config, options.changes, workshop.platform);
  const snapshot = await openLayers(state, workshop);
  const layer = await writeLayer({ state, snapshot, pause: options.pause }, workshop, scope);
  const base = readBase(state, workshop);
  const now = new Date(workshop.now()).toISOString();
  const image = imageConfig({ base: base.config, config, state, layer, options, now });
  const id = await publish({ image, base: base.document, layer, name }, workshop, scope);
  const imageRef = name === undefined ? '' : familiarName(name);
  const { tell, containers } = workshop;
  if (name !== undefined)
    tell({ type: 'image', action: 'tag', id, attributes: { ...config.Labels, name: imageRef } });
  containers.tell(state, 'commit', { comment: options.message ?? '', imageID: id, imageRef });
  return id;
}

/** The layers of a container's image. Throws BuildError `store` when one is gone. */
export async function openLayers(state: ContainerState, { store }: Workshop): Promise<Snapshot> {
  const layers = await Promise.all(state.layers.map((id) => store.snapshots.open(id)));
  const found = layers.filter((layer) => layer !== undefined);
  if (found.length === layers.length) return store.snapshots.snapshot(found);
  throw new BuildError('store', `layers of the image of container ${state.name} are gone`, {
    hint: `pull or build ${state.image} again`,
  });
}

function treeOf(state: ContainerState, { layers }: Snapshot, workshop: Workshop): ChangedTree {
  return changedTree(
    state,
    layers.map((layer) => layer.path),
    workshop,
  );
}

interface Source {
  readonly state: ContainerState;
  readonly snapshot: Snapshot;
  readonly pause: boolean;
}

/** Undefined when there is nothing to put into a layer. */
async function writeLayer(
  { state, snapshot, pause }: Source,
  workshop: Workshop,
  scope: Scope,
): Promise<LayerMeta | undefined> {
  const { store } = workshop;
  await using layer = await store.snapshots.prepare(snapshot, scope);
  const tree = treeOf(state, snapshot, workshop);
  {
    const deps = { ...workshop, ...companions(workshop) };
    await using _still = pause ? await standStill(state, deps) : undefined;
    const changes = containerChanges(tree);
    if (changes.length === 0) return undefined;
    writeChangeLayer(changes, tree, layer.upper);
  }
  const made = await layer.commit(scope);
  const meta = await made.meta(scope);
  // A committed tree is the only copy there is: it must survive a power cut.
  await store.unsynced.settle([meta.diffID]);
  return meta;
}

function readBase(
  { manifest }: ContainerState,
  { store }: Workshop,
): { document: Manifest; config: ImageConfig } {
  const document = store.blobs.readJson(manifest) as Manifest; // Checked when it came into the store.
  return { document, config: store.blobs.readJson(document.config.digest) as ImageConfig };
}

interface Parts {
  readonly base: ImageConfig;
  readonly config: ImageConfig['config'];
  readonly state: ContainerState;
  readonly layer: LayerMeta | undefined;
  readonly options: CommitOptions;
  readonly now: string;
}

function imageConfig({ base, config, state, layer, options, now }: Parts): ImageConfig {
  const { author, message } = options;
  const entry = {
    created: now,
    created_by: state.args.join(' '),
    ...(author === undefined ? {} : { author }),
    ...(message === undefined ? {} : { comment: message }),
    ...(layer === undefined ? { empty_layer: true } : {}),
  };
  const diffs = layer === undefined ? [] : [layer.diffID];
  const { author: _base, ...rest } = base;
  return {
    ...rest,
    created: now,
    ...(author === undefined ? {} : { author }),
    ...(config === undefined ? {} : { config }),
    rootfs: { type: 'layers', diff_ids: [...base.rootfs.diff_ids, ...diffs] },
    history: [...(base.history ?? []), entry],
  };
}

interface Result {
  readonly image: ImageConfig;
  readonly base: Manifest;
  readonly layer: LayerMeta | undefined;
  readonly name: Reference | undefined;
}

/** Config, manifest, name, in this order: a name never means something that is not whole. */
async function publish(
  { image, base, layer, name }: Result,
  { store }: Workshop,
  scope: Scope,
): Promise<Digest> {
  const config = await store.blobs.putJson(image, MediaType.ociConfig, scope);
  const document: Manifest = { ...base, config, layers: [...base.layers, ...layersOf(layer)] };
  const manifest = await store.blobs.putJson(document, MediaType.ociManifest, scope);
  if (name === undefined) store.images.keep(manifest);
  else store.images.tag(name, manifest);
  return config.digest;
}

function layersOf(layer: LayerMeta | undefined): Descriptor[] {
  if (layer === undefined) return [];
  return [{ mediaType: MediaType.ociLayer, digest: layer.diffID, size: layer.tarBytes }];
}
