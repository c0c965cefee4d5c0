import { descriptor, list, readConfig, readManifest, record } from '../exporter/image-document.js';
import { digestOf } from '../model/digest.js';
import { BuildError } from '../model/error.js';
import type { ResolvedImage } from '../model/graph.js';
import type { Descriptor, ImageConfig } from '../model/oci.js';
import { formatPlatform, normalizePlatform } from '../model/platform.js';
import { parseStrictJson } from '../registry/strict-json.js';

/** Base images that no registry has, as the machine had them that exported the cache. BuildKit passes over the blob. */
export const CARRIED_BASES = 'application/vnd.stave.cache.bases.v1+json';

export interface BaseDocuments {
  /** Canonical. */
  readonly name: string;
  /** As they are: an image is known by their digests. */
  readonly manifest: string;
  readonly config: string;
}

export interface CarriedBase extends BaseDocuments {
  /** Bottom first, in the form the cache has them in; one that it lacks as the manifest names it. */
  readonly layers: readonly Descriptor[];
}

export interface LentBase {
  readonly image: ResolvedImage;
  readonly documents: BaseDocuments;
}

const MAX_BYTES = 16 << 20;
const MAX_IMAGES = 1000;

const PUSH = 'push them to a registry: then the cache need not carry them';

/** Other builds' that a cache keeps: their layers stay in it, too, and no registry takes a manifest above 4 MiB. */
const MAX_KEPT = 32;

/**
 * A build's own bases, then those that the cache had, the latest first. A name means one image of a platform: the
 * build's. What is too much falls off the end.
 */
export function mergeBases(
  own: readonly CarriedBase[],
  before: readonly CarriedBase[],
): readonly CarriedBase[] {
  const known = new Set(own.map(meaningOf));
  const all = [...own];
  let left = MAX_BYTES - bytesOf(own).length;
  for (const base of before) {
    if (all.length === Math.min(own.length + MAX_KEPT, MAX_IMAGES)) break;
    const meaning = meaningOf(base);
    if (known.has(meaning)) continue;
    left -= bytesOf([base]).length;
    if (left < 0) break;
    known.add(meaning);
    all.push(base);
  }
  return all;
}

function meaningOf({ name, config }: CarriedBase): string {
  const { os, architecture, variant } = JSON.parse(config) as ImageConfig; // Checked when it came.
  return `${name} ${formatPlatform(normalizePlatform({ os, architecture, ...(variant === undefined ? {} : { variant }) }))}`;
}

function bytesOf(bases: readonly CarriedBase[]): Buffer {
  const images = bases.map(({ name, manifest, config, layers }) => ({
    ...{ name, manifest, config },
    layers: layers.map(({ mediaType, digest, size }) => ({ mediaType, digest, size })),
  }));
  return Buffer.from(JSON.stringify({ images }));
}

/** Equal images give equal bytes. Throws BuildError when there is too much to say. */
export function packBases(bases: readonly CarriedBase[]): {
  readonly blob: Descriptor;
  readonly bytes: Buffer;
} {
  if (bases.length > MAX_IMAGES)
    throw new BuildError(
      'unsupported',
      `the build has more than ${String(MAX_IMAGES)} base images that no registry has`,
      { hint: PUSH },
    );
  const bytes = bytesOf(bases);
  if (bytes.length > MAX_BYTES)
    throw new BuildError('unsupported', 'the base images of the build fill more than 16 MiB', {
      hint: PUSH,
    });
  const blob = { mediaType: CARRIED_BASES, digest: digestOf(bytes), size: bytes.length };
  return { blob, bytes };
}

export function isCarriedBases({ mediaType, size }: Descriptor): boolean {
  return mediaType === CARRIED_BASES && size <= MAX_BYTES;
}

/**
 * Reads what anybody may have written: config and manifest fit together, and a layer is held against its diffID by who
 * unpacks it. Throws BuildError.
 */
export function unpackBases(bytes: Uint8Array, what: string): readonly LentBase[] {
  const fields = record(parseStrictJson(Buffer.from(bytes).toString(), what), what);
  return list(fields['images'], what, MAX_IMAGES).map((each) => readBase(record(each, what), what));
}

function readBase(fields: Readonly<Record<string, unknown>>, what: string): LentBase {
  const { name, manifest: text, config: configText, layers } = fields;
  if (typeof name !== 'string' || typeof text !== 'string' || typeof configText !== 'string')
    throw new BuildError('archive', `${what} have an image without its documents`);
  const shown = `${name} in ${what}`;
  const manifest = readManifest(parseStrictJson(text, shown), shown);
  if (manifest.config.digest !== digestOf(configText))
    throw new BuildError('integrity', `${shown} has another config than its manifest says`);
  const blobs = list(layers, shown, MAX_IMAGES).map((each) => descriptor(each, shown));
  if (blobs.length !== manifest.layers.length)
    throw new BuildError('archive', `${shown} has other layers than its manifest says`);
  const config = readConfig(parseStrictJson(configText, shown), blobs.length, shown);
  const image = { reference: name, manifest: digestOf(text), layers: blobs, config };
  return { image, documents: { name, manifest: text, config: configText } };
}
