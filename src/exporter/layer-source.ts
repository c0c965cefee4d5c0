import { layerTar } from '../cache/layer-digest.js';
import type { Store } from '../cache/store.js';
import { canonicalDigest } from '../model/canonical.js';
import type { Digest, DiffID } from '../model/digest.js';
import { BuildError } from '../model/error.js';
import { type Descriptor, MediaType } from '../model/oci.js';
import type { Scope } from '../model/scope.js';
import type { BlobSource, Bytes } from '../model/stores.js';
import { decompress } from '../cache/decompress.js';
import { gzipParallel } from './gzip.js';
import { zstdFrames } from './zstd.js';

/** What leaving layers need: the store, and where a pulled layer's missing blob comes from. */
export interface LayerContext {
  readonly store: Store;
  readonly fetch: BlobSource;
}

/** How layers are written; default: gzip, and compressed ones as they are. */
export interface LayerForm {
  readonly compression?: 'gzip' | 'zstd' | 'uncompressed' | undefined;
  /** Of gzip 0 to 9, of zstd 1 to 22. */
  readonly level?: number | undefined;
  /** Also layers that have another form already. */
  readonly force?: boolean | undefined;
}

export interface ExportedLayer {
  readonly descriptor: Descriptor;
  readonly bytes: () => Bytes;
}

/** A layer in the form asked for: as it is where it may stay so, else made now (compressed ones are kept for the next). */
export async function exportedLayer(
  layer: Descriptor,
  { diffID, form }: { diffID: DiffID; form: LayerForm },
  context: LayerContext,
  scope: Scope,
): Promise<ExportedLayer> {
  const { blobs } = context.store;
  const { compression = 'gzip', force = false } = form;
  if (compression === 'uncompressed' && (force || isPlain(layer))) {
    const size = await plainSize(layer, diffID, context, scope);
    const descriptor = { mediaType: MediaType.ociLayer, digest: diffID, size };
    return { descriptor, bytes: () => plainLayer(layer, diffID, context, scope) };
  }
  const made =
    compression !== 'uncompressed' && (isPlain(layer) || (force && !isPacked(layer, compression)))
      ? { diffID, compression, level: form.level }
      : undefined;
  const stored = made === undefined ? layer : await compressedLayer(layer, made, context, scope);
  if (!blobs.claim(stored.digest)) await blobs.put(context.fetch(stored, scope), stored, scope);
  return { descriptor: stored, bytes: () => blobs.open(stored, scope) };
}

type Compression = 'gzip' | 'zstd';

interface Compressed {
  readonly diffID: DiffID;
  /** Default: gzip. */
  readonly compression?: Compression;
  readonly level?: number | undefined;
}

/** A layer compressed, in the store: made from its tree or blob once, so that nothing is compressed twice. */
export async function compressedLayer(
  layer: Descriptor,
  { diffID, compression = 'gzip', level }: Compressed,
  context: LayerContext,
  scope: Scope,
): Promise<Descriptor> {
  const { blobs, records } = context.store;
  const key = keyOf({ diffID, compression, level });
  const known = await knownCompressed({ diffID, compression, level }, context.store);
  if (known !== undefined && blobs.claim(known.digest)) return known;
  const plain = plainLayer(layer, diffID, context, scope);
  const { mediaTypes, pack } = PACKERS[compression];
  const made = await blobs.put(pack(plain, level), { mediaType: mediaTypes[0] }, scope);
  const created = new Date().toISOString();
  await records.putDefinition(key, { result: JSON.stringify(made), digest: diffID, created });
  return made;
}

/** What a layer was compressed to before; its blob need not be here any more. */
export async function knownCompressed(
  wanted: Compressed,
  { records }: Store,
): Promise<Descriptor | undefined> {
  const known = await records.byDefinition(keyOf(wanted));
  return known === undefined ? undefined : (JSON.parse(known.result) as Descriptor);
}

/** A layer came compressed: whoever asks for that form of it is given the same. */
export async function rememberCompressed(
  layer: Descriptor,
  diffID: DiffID,
  store: Store,
): Promise<void> {
  const compression = (['gzip', 'zstd'] as const).find((each) => isPacked(layer, each));
  if (compression === undefined) return;
  const wanted = { diffID, compression };
  if ((await knownCompressed(wanted, store)) !== undefined) return;
  const { digest, size } = layer;
  const made = { mediaType: PACKERS[compression].mediaTypes[0], digest, size };
  const created = new Date().toISOString();
  const record = { result: JSON.stringify(made), digest: diffID, created };
  await store.records.putDefinition(keyOf(wanted), record);
}

function keyOf({ diffID, compression = 'gzip', level }: Compressed): Digest {
  return canonicalDigest(
    level === undefined ? [compression, diffID] : [compression, level, diffID],
  );
}

/** A pulled layer's uncompressed length is not in its manifest: it is counted once and remembered. */
export async function plainSize(
  layer: Descriptor,
  diffID: DiffID,
  context: LayerContext,
  scope: Scope,
): Promise<number> {
  if (isPlain(layer)) return layer.size;
  const { records } = context.store;
  const key = canonicalDigest(['plain size', diffID]);
  const known = await records.byDefinition(key);
  if (known !== undefined) return Number(known.result);
  let size = 0;
  for await (const chunk of plainLayer(layer, diffID, context, scope)) size += chunk.length;
  await records.putDefinition(key, {
    result: String(size),
    digest: diffID,
    created: new Date().toISOString(),
  });
  return size;
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
  for await (const chunk of layerTar(tree.layer.path, tree.epoch)) {
    scope.signal.throwIfAborted();
    yield chunk;
  }
}

function isPlain({ mediaType }: Descriptor): boolean {
  return mediaType === MediaType.ociLayer || mediaType === MediaType.dockerLayer;
}

function isPacked({ mediaType }: Descriptor, compression: Compression): boolean {
  return PACKERS[compression].mediaTypes.includes(mediaType);
}

interface Packer {
  /** The first is what is made here. */
  readonly mediaTypes: readonly [string, ...string[]];
  readonly pack: (bytes: Bytes, level: number | undefined) => Bytes;
}

const PACKERS: Readonly<Record<Compression, Packer>> = {
  gzip: { mediaTypes: [MediaType.ociLayerGzip, MediaType.dockerLayerGzip], pack: gzipParallel },
  zstd: { mediaTypes: [MediaType.ociLayerZstd, MediaType.dockerLayerZstd], pack: zstdFrames },
};
