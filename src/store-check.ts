import { join } from 'node:path';
import { checkBlobs } from './cache/check-blobs.js';
import { checkBuilds } from './cache/check-builds.js';
import { checkContexts, checkRecords } from './cache/check-memory.js';
import {
  checkContainers,
  checkLocks,
  checkMounts,
  checkNetworks,
  checkVolumes,
  readObject,
} from './cache/check-places.js';
import { checkPointers, checkTrees } from './cache/check-trees.js';
import type { ImageRef } from './cache/image-store.js';
import { namesIn } from './cache/names-in.js';
import type { Checked, StoreProblem } from './model/store-problem.js';
import { takeOut } from './cache/take-out.js';
import { digestOf, hexOf, isDigest } from './model/digest.js';
import { BuildError } from './model/error.js';
import {
  type Descriptor,
  type ImageConfig,
  type ImageIndex,
  isIndexType,
  type Manifest,
  MediaType,
} from './model/oci.js';
import type { Workshop } from './workshop.js';

export interface StoreCheckOptions {
  /** Reads every byte; else only documents and facts. */
  readonly full: boolean;
  readonly repair: boolean;
}

/**
 * Looks at everything in the store, what others stand on first: with `repair` each kind is mended before the next is looked
 * at, so that an image whose layer was taken out is found in the same run. What running processes claim is left alone.
 */
export async function checkStore(
  { full, repair }: StoreCheckOptions,
  workshop: Workshop,
): Promise<readonly Checked[]> {
  const { store } = workshop;
  const kinds = [
    () => checkBlobs(store, full),
    () => checkTrees(store, full),
    () => checkPointers(store),
    () => checkImages(workshop),
    () => checkRecords(store),
    () => checkContexts(store),
    () => checkBuilds(store, full),
    () => checkMounts(store),
    () => checkContainers(store),
    () => checkVolumes(store),
    () => checkNetworks(store),
    () => checkLocks(store),
  ];
  const found: Checked[] = [];
  for (const look of kinds) {
    const checked = await look();
    if (repair) for (const { fix } of checked.problems) fix?.();
    found.push(checked);
  }
  return found;
}

/** Each name leads to an image that can be run, pushed and built on. */
function checkImages(workshop: Workshop): Checked {
  const { store } = workshop;
  const names = namesIn(store.path('refs'));
  const problems = names.flatMap((name): StoreProblem[] => {
    const file = store.path('refs', name);
    const ref = readObject(file) as Partial<ImageRef> | undefined;
    const problem = wrongRef(name, ref) ?? wrongImage(ref?.manifest, workshop);
    if (problem === undefined) return [];
    const fix = (): void => {
      takeOut(store, file);
    };
    const what = `image ${ref?.name ?? join('refs', name)}`;
    return [{ what, problem, remedy: 'pull, load or build it again', fix }];
  });
  return { kind: 'images', count: names.length, problems };
}

function wrongRef(file: string, ref: Partial<ImageRef> | undefined): string | undefined {
  const digest = String(ref?.manifest?.digest);
  const key = ref?.name ?? digest;
  const whole = isDigest(digest) && hexOf(digestOf(key)) === file;
  return whole ? undefined : 'what its name means cannot be read';
}

/** Throws nothing: what reading says is the answer. */
function wrongImage(root: Descriptor | undefined, workshop: Workshop): string | undefined {
  const { blobs } = workshop.store;
  if (root === undefined) return 'it means nothing';
  if (!blobs.hasSync(root.digest)) return `its manifest ${root.digest} is gone`;
  try {
    const document = blobs.readJson(root.digest);
    if (!isIndexType(root.mediaType)) return wrongManifest(document as Manifest, workshop);
    const { manifests } = document as ImageIndex; // Checked when it came.
    const here = manifests.filter(({ digest }) => blobs.hasSync(digest));
    if (here.length === 0) return 'none of the images of its index is there';
    return here
      .map((entry) => wrongImage(entry, workshop))
      .find((problem) => problem !== undefined);
  } catch (error) {
    if (error instanceof BuildError) return error.message;
    throw error;
  }
}

function wrongManifest({ config, layers }: Manifest, { store }: Workshop): string | undefined {
  if (!store.blobs.hasSync(config.digest)) return `its config ${config.digest} is gone`;
  const { rootfs } = store.blobs.readJson(config.digest) as ImageConfig; // Checked when it came.
  for (const [i, layer] of layers.entries()) {
    const diffID = rootfs.diff_ids[i];
    const there = diffID !== undefined && store.layerFacts(diffID) !== undefined;
    // A layer of a registry is downloaded when it is needed.
    const local = layer.mediaType === MediaType.ociLayer;
    if (!there && local && !store.blobs.hasSync(layer.digest))
      return `its layer ${layer.digest} is gone`;
  }
  return undefined;
}
