import type { DiffID, TreeDigest } from '../model/digest.js';
import type { CachedLayer, StepFacts } from './cache-contents.js';
import type { CacheConfig, ConfigLayer, ConfigRecord, StaveNote } from './config-types.js';

/** A step that leaves: its keys and its result's layers, bottom first. */
export interface OutgoingStep extends StepFacts {
  readonly layers: readonly CachedLayer[];
}

/** A layer as far as an image must have the same. */
export interface LayerIdentity {
  readonly diffID: DiffID;
  readonly content?: TreeDigest;
}

/** A step whose layers are told by an image. */
type ImageStep = Omit<OutgoingStep, 'layers'> & { readonly layers: readonly LayerIdentity[] };

/** The config of a cache: equal steps give equal bytes. Layers that several results share stand in it once. */
export function cacheConfig(steps: readonly OutgoingStep[]): CacheConfig {
  const layers: ConfigLayer[] = [];
  const places = new Map<string, number>();
  const place = (layer: CachedLayer, parent: number): number => {
    const { blob, diffID, created, content } = layer;
    const key = `${blob.digest} ${String(parent)}`;
    const there = places.get(key);
    if (there !== undefined) return there;
    places.set(key, layers.length);
    const { mediaType, size } = blob;
    const known = content === undefined ? {} : { content };
    const annotations = { mediaType, diffID, size, createdAt: created, ...known };
    return layers.push({ blob: blob.digest, parent, annotations }) - 1;
  };
  const records = steps.map((step): ConfigRecord => {
    const top = step.layers.reduce((parent, layer) => place(layer, parent), -1);
    const results = top === -1 ? {} : { layers: [{ layer: top, createdAt: step.created }] };
    return { digest: step.key, ...results, stave: noteOf(step) };
  });
  return { layers, records };
}

/**
 * Records for an image that carries them: its layers are named by position. Steps with layers that the image does not
 * have are left out. `created` of an image with an epoch is the epoch, so that the same input gives the same image.
 */
export function inlineRecords(
  steps: readonly ImageStep[],
  image: readonly LayerIdentity[],
  created?: string,
): readonly ConfigRecord[] {
  return steps.flatMap((step): ConfigRecord[] => {
    const at = positions(step.layers, image);
    if (at.includes(-1)) return [];
    const createdAt = created ?? step.created;
    const lowest = at.every((index, i) => index === i);
    const top = at.at(-1);
    const result =
      top === undefined
        ? {}
        : lowest
          ? { layers: [{ layer: top, createdAt }] }
          : { chains: [{ layers: at, createdAt }] };
    return [{ digest: step.key, ...result, stave: noteOf({ ...step, created: createdAt }) }];
  });
}

/** Where an image has these layers, or others that hold the same; -1 for nowhere. */
export function positions(
  layers: readonly LayerIdentity[],
  image: readonly LayerIdentity[],
): readonly number[] {
  const isSame = (a: LayerIdentity, b: LayerIdentity | undefined): boolean =>
    a.diffID === b?.diffID || (a.content !== undefined && a.content === b?.content);
  // Layers that are alike may stand in it twice.
  return layers.map((layer, i) =>
    isSame(layer, image[i]) ? i : image.findIndex((each) => isSame(layer, each)),
  );
}

function noteOf({ op, content, whole, tree, layers, created, name }: ImageStep): StaveNote {
  return {
    op,
    ...(content === undefined ? {} : { content }),
    ...(whole === undefined ? {} : { whole }),
    tree,
    layers: layers.length,
    created,
    ...(name === undefined ? {} : { name }),
  };
}
