import { layerTar } from '../cache/layer-digest.js';
import type { Store } from '../cache/store.js';
import { canonicalDigest } from '../model/canonical.js';
import type { DiffID } from '../model/digest.js';
import { BuildError } from '../model/error.js';
import { type Descriptor, MediaType } from '../model/oci.js';
import type { Scope } from '../model/scope.js';
import type { BlobSource, Bytes } from '../model/stores.js';
import { decompress } from '../cache/apply.js';
import { gzipParallel } from './gzip.js';

/** What leaving layers need: the store, and where a pulled layer's missing blob comes from. */
export interface LayerContext {
  readonly store: Store;
  readonly fetch: BlobSource;
}

/**
 * The compressed form of a layer, in the store: the blob it was pulled as, or one made from its tree now and kept, so
 * that nothing is compressed twice.
 */
export async function compressedLayer(
  layer: Descriptor,
  diffID: DiffID,
  context: LayerContext,
  scope: Scope,
): Promise<Descriptor> {
  const { blobs, records } = context.store;
  if (!isPlain(layer)) {
    if (!blobs.hasSync(layer.digest)) await blobs.put(context.fetch(layer, scope), layer, scope);
    return layer;
  }
  const key = canonicalDigest(['gzip', diffID]);
  const known = await records.byDefinition(key);
  if (known !== undefined) {
    const descriptor = JSON.parse(known.result) as Descriptor;
    if (blobs.hasSync(descriptor.digest)) return descriptor;
  }
  const info = { mediaType: MediaType.ociLayerGzip };
  const made = await blobs.put(
    gzipParallel(plainLayer(layer, diffID, context, scope)),
    info,
    scope,
  );
  const created = new Date().toISOString();
  await records.putDefinition(key, { result: JSON.stringify(made), digest: diffID, created });
  return made;
}

/** The layer's tar: from its blob where there is one, else made again from its tree. */
export async function* plainLayer(
  layer: Descriptor,
  diffID: DiffID,
  { store, fetch }: LayerContext,
  scope: Scope,
): Bytes {
  if (!isPlain(layer) || store.blobs.hasSync(layer.digest)) {
    const bytes = store.blobs.hasSync(layer.digest)
      ? store.blobs.open(layer, scope)
      : fetch(layer, scope);
    yield* decompress(bytes);
    return;
  }
  const tree = await store.treeOf(diffID);
  if (tree === undefined) {
    throw new BuildError('store', `layer ${diffID} is no longer in the store`, {
      hint: 'build the image again',
    });
  }
  for await (const chunk of layerTar(tree.path)) {
    scope.signal.throwIfAborted();
    yield chunk;
  }
}

function isPlain({ mediaType }: Descriptor): boolean {
  return mediaType === MediaType.ociLayer || mediaType === MediaType.dockerLayer;
}
