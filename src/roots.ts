import type { Roots } from './cache/collect.js';
import { readIfThere } from './cache/read-if-there.js';
import type { ContainerState } from './model/container.js';
import { type DiffID, type Digest, hexOf } from './model/digest.js';
import { BuildError } from './model/error.js';
import {
  type Descriptor,
  type ImageConfig,
  type ImageIndex,
  isIndexType,
  type Manifest,
} from './model/oci.js';
import type { Workshop } from './workshop.js';

/** What the images with these manifests and these containers need; without either, all. */
export function rootsOf(
  workshop: Workshop,
  manifests = everyManifest(workshop),
  containers: readonly ContainerState[] = workshop.containers.list(),
): Roots {
  const found = { trees: new Set<string>(), blobs: new Set<string>() };
  for (const manifest of manifests) addImage(manifest, found, workshop);
  for (const state of containers) {
    for (const id of state.layers) found.trees.add(id);
    // A commit builds on the container's image, also when that lost its names.
    addImage(
      { mediaType: '', digest: state.manifest, size: 0 },
      { ...found, trees: new Set() },
      workshop,
    );
  }
  return found;
}

function everyManifest({ store }: Workshop): readonly Descriptor[] {
  return store.images.refs().map(({ manifest }) => manifest);
}

interface Found {
  readonly trees: Set<string>;
  readonly blobs: Set<string>;
}

function addImage(root: Descriptor, found: Found, workshop: Workshop): void {
  const { blobs } = workshop.store;
  found.blobs.add(hexOf(root.digest));
  const document = documentOf(root.digest, workshop);
  if (document === undefined) return;
  if (isIndexType(root.mediaType)) {
    for (const entry of (document as ImageIndex).manifests)
      if (blobs.hasSync(entry.digest)) addImage(entry, found, workshop);
    return;
  }
  const { config, layers } = document as Manifest;
  found.blobs.add(hexOf(config.digest));
  for (const layer of layers) found.blobs.add(hexOf(layer.digest));
  const diffIDs = (documentOf(config.digest, workshop) as ImageConfig | undefined)?.rootfs.diff_ids;
  for (const diffID of diffIDs ?? []) {
    const id = treeOf(diffID, workshop);
    if (id !== undefined) found.trees.add(id);
  }
}

/** What is damaged keeps what could be read of it. */
function documentOf(digest: Digest, { store }: Workshop): unknown {
  try {
    return store.blobs.hasSync(digest) ? store.blobs.readJson(digest) : undefined;
  } catch (error) {
    if (error instanceof BuildError) return undefined;
    throw error;
  }
}

/** `by-diff/<hex>` holds a tree's id, and of a clamped layer its epoch. */
function treeOf(diffID: DiffID, { store }: Workshop): string | undefined {
  return readIfThere(store.path('trees/by-diff', hexOf(diffID)))?.split(' ')[0];
}
