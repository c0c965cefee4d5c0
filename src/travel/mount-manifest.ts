import { createHash } from 'node:crypto';
import { digestFromHex, digestOf } from '../model/digest.js';
import { isDigest } from '../model/digest.js';
import { BuildError } from '../model/error.js';
import { type Descriptor, MediaType } from '../model/oci.js';
import type { Scope } from '../model/scope.js';
import type { Bytes } from '../model/stores.js';
import { type MountIndex, type Pack, readMountIndex } from './mount-index.js';
import type { Place } from './place.js';
import { squeeze, unsqueeze } from './squeeze.js';

/*
 * An export is an OCI artifact (image-spec, "Guidelines for Artifact Usage"): a manifest whose first layer is the index
 * and whose others are the packs, so that any registry keeps them and any tool can copy it.
 */

export const ARTIFACT = 'application/vnd.stave.cache-mounts.v1';
const INDEX = 'application/vnd.stave.cache-mounts.index.v1+json+brotli';
const PACK = 'application/vnd.stave.cache-mounts.pack.v1+brotli';
const EMPTY = Buffer.from('{}');

/** The configuration that an artifact has none of; a blob all the same. */
export const EMPTY_CONFIG = {
  bytes: EMPTY,
  blob: { mediaType: 'application/vnd.oci.empty.v1+json', digest: digestOf(EMPTY), size: 2 },
};

/** Larger than any of ours. */
const MAX_INDEX = 256 << 20;
const MAX_PACKED = 64 << 20;
const MAX_UNPACKED = 1 << 30;

export async function packIndex(
  index: MountIndex,
): Promise<{ readonly bytes: Buffer; readonly blob: Descriptor }> {
  const bytes = await squeeze(Buffer.from(JSON.stringify(index)));
  return { bytes, blob: { mediaType: INDEX, digest: digestOf(bytes), size: bytes.length } };
}

export function manifestOf(index: Descriptor, packs: readonly Pack[]): Buffer {
  const layers = [index, ...packs.map(packBlob)];
  const manifest = {
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    artifactType: ARTIFACT,
    config: EMPTY_CONFIG.blob,
    layers,
  };
  return Buffer.from(JSON.stringify(manifest));
}

export function packBlob({ digest, size }: Pick<Pack, 'digest' | 'size'>): Descriptor {
  return { mediaType: PACK, digest, size };
}

/** The blobs that a manifest of ours names; undefined when it is something else. */
export function blobsOf(manifest: Buffer): readonly Descriptor[] | undefined {
  let read: unknown;
  try {
    read = JSON.parse(manifest.toString());
  } catch {
    return undefined;
  }
  if (typeof read !== 'object' || read === null) return undefined;
  const { artifactType, layers } = read as { artifactType?: unknown; layers?: unknown }; // Any object may be asked.
  if (artifactType !== ARTIFACT || !Array.isArray(layers)) return undefined;
  const blobs = (layers as readonly unknown[]).map(descriptorOf);
  return blobs.every((blob) => blob !== undefined) ? [EMPTY_CONFIG.blob, ...blobs] : undefined;
}

function descriptorOf(layer: unknown): Descriptor | undefined {
  if (typeof layer !== 'object' || layer === null) return undefined;
  const { mediaType, digest, size } = layer as Partial<Record<keyof Descriptor, unknown>>; // As above.
  if (typeof mediaType !== 'string' || typeof digest !== 'string' || !isDigest(digest))
    return undefined;
  return Number.isSafeInteger(size) ? { mediaType, digest, size: Number(size) } : undefined;
}

/** Of the blobs of a cache the one that says which mounts are in it. */
export function isMountIndex({ mediaType }: Descriptor): boolean {
  return mediaType === INDEX;
}

/** Of the blobs of a cache those that mounts are. */
export function isOfMounts({ mediaType }: Descriptor): boolean {
  return mediaType === INDEX || mediaType === PACK;
}

/** The index of the export at a place; undefined when nothing is there. Throws BuildError `archive` on something else. */
export async function readExport(place: Place, scope: Scope): Promise<MountIndex | undefined> {
  const manifest = await place.manifest(scope);
  if (manifest === undefined) return undefined;
  const index = blobsOf(manifest)?.find(isMountIndex);
  if (index === undefined) {
    throw new BuildError('archive', `${place.name} is not an export of cache mounts`, {
      hint: 'stave cache export --mounts DEST makes one; layers come with --cache-from',
    });
  }
  const packed = await readBlob(place, index, MAX_INDEX, scope);
  const text = await unsqueeze(packed, MAX_UNPACKED, `${place.name}: its index`);
  return readMountIndex(text.toString(), place.name);
}

/** What a pack holds, its digest proven. */
export async function readPack(place: Place, pack: Pack, scope: Scope): Promise<Buffer> {
  const size = pack.chunks.reduce((sum, [, bytes]) => sum + bytes, 0);
  const packed = await readBlob(place, packBlob(pack), MAX_PACKED, scope);
  const bytes = await unsqueeze(packed, size, `${place.name}: pack ${pack.digest}`);
  if (bytes.length === size) return bytes;
  throw new BuildError('integrity', `${place.name}: pack ${pack.digest} is shorter than it says`);
}

async function readBlob(
  place: Place,
  blob: Descriptor,
  most: number,
  scope: Scope,
): Promise<Buffer> {
  if (blob.size > most)
    throw new BuildError(
      'archive',
      `${place.name}: ${blob.digest} says it has ${String(blob.size)} bytes`,
    );
  const bytes = await collect(bounded(place.open(blob, scope), place, blob.size));
  const digest = digestFromHex(createHash('sha256').update(bytes).digest('hex'));
  if (digest === blob.digest && bytes.length === blob.size) return bytes;
  throw new BuildError(
    'integrity',
    `${place.name}: what is stored as ${blob.digest} has ${String(bytes.length)} bytes of digest ${digest}`,
    { hint: 'it is damaged: export again, to an empty place' },
  );
}

async function* bounded(bytes: Bytes, place: Place, most: number): Bytes {
  let size = 0;
  for await (const chunk of bytes) {
    size += chunk.length;
    if (size > most)
      throw new BuildError('integrity', `${place.name}: a blob has more bytes than it says`);
    yield chunk;
  }
}

export async function collect(bytes: Bytes): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of bytes) parts.push(part);
  return Buffer.concat(parts);
}

// eslint-disable-next-line @typescript-eslint/require-await -- pulled like every other source of bytes
export async function* one(bytes: Uint8Array): Bytes {
  yield bytes;
}
