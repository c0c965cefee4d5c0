import { createHash } from 'node:crypto';
import { decompress } from '../cache/decompress.js';
import type { Store } from '../cache/store.js';
import { digestFromHex, type Digest } from '../model/digest.js';
import { BuildError } from '../model/error.js';
import type { Platform } from '../model/oci.js';
import { choosePlatform, formatPlatform } from '../model/platform.js';
import { canonicalName, familiarName } from '../model/reference.js';
import type { Scope } from '../model/scope.js';
import type { Bytes } from '../model/stores.js';
import { bad } from './image-document.js';
import { dockerImages } from './load-docker.js';
import type { FoundImage, LoadContext } from './load-context.js';
import { ociImages } from './load-oci.js';
import { archiveFile, readArchive } from './read-archive.js';

/** An image that came out of an archive. */
export interface LoadedImage {
  /** Canonical; empty when the archive gives none. */
  readonly names: readonly string[];
  /** Digest of the config. */
  readonly id: Digest;
}

/**
 * Brings the images of an archive into the store: docker's format or an OCI layout, as a tar, plain or gzip; `source`
 * is a path or the bytes. All is verified (digests, sizes, diffIDs) before the first name is set; durable when it
 * resolves. Throws BuildError `archive`, `integrity`, `unsupported`, `not-found`.
 */
export async function loadArchive(
  source: string | Bytes,
  context: LoadContext,
  scope: Scope,
): Promise<readonly LoadedImage[]> {
  const { store } = context;
  const bytes = typeof source === 'string' ? archiveFile(source) : source;
  const contents = await readArchive(bytes, store.blobs, scope);
  const found =
    contents.document('index.json') === undefined
      ? await dockerImages(contents, context, scope)
      : ociImages(contents, context);
  if (found.length === 0) throw bad('the archive', 'holds no image');
  if (context.only === true) checkPlatforms(found, context.platform);
  for (const image of found) await verifyLayers(image, store, scope);
  for (const { manifest, references } of found) {
    for (const reference of references) store.images.tag(reference, manifest);
    if (references.length === 0) store.images.keep(manifest);
  }
  return found.map(({ document, references }) => ({
    names: references.map(canonicalName),
    id: document.config.digest,
  }));
}

function checkPlatforms(found: readonly FoundImage[], wanted: Platform): void {
  const other = found.find(
    ({ config }) => choosePlatform(wanted, [config], (each) => each) === undefined,
  );
  if (other === undefined) return;
  const name = other.references.map(familiarName)[0] ?? other.document.config.digest;
  throw new BuildError(
    'archive',
    `image ${name} of the archive is for ${formatPlatform(other.config)}, not for ${formatPlatform(wanted)}`,
    { hint: 'leave out --platform to load it' },
  );
}

/** Each layer must decompress to what the config says it is. */
async function verifyLayers(
  { document, config }: FoundImage,
  store: Store,
  scope: Scope,
): Promise<void> {
  for (const [i, layer] of document.layers.entries()) {
    const diffID = config.rootfs.diff_ids[i];
    if (layer.digest === diffID) continue;
    const hash = createHash('sha256');
    for await (const chunk of decompress(store.blobs.open(layer, scope))) hash.update(chunk);
    const actual = digestFromHex(hash.digest('hex'));
    if (actual === diffID) continue;
    throw new BuildError(
      'integrity',
      `layer ${layer.digest} does not hold what its image says: diffID is ${actual}, expected ${String(diffID)}`,
    );
  }
}
