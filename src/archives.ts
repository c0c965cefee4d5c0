import { loadArchive, type LoadedImage } from './exporter/load.js';
import { saveImages } from './exporter/save-images.js';
import { imageHappening } from './model/engine-event.js';
import { blobSource } from './image-source.js';
import type { Digest } from './model/digest.js';
import { canonicalName, parseReference } from './model/reference.js';
import { parsePlatform } from './model/platform.js';
import type { Scope } from './model/scope.js';
import type { StoredImage } from './model/stored-image.js';
import type { BlobSource } from './model/stores.js';
import { imageFor } from './platform-image.js';
import type { Workshop } from './workshop.js';

/** Writes images, each under the name it was asked by, to one archive; `-` is stdout. */
export async function saveArchive(
  names: readonly string[],
  { dest, platform }: { readonly dest: string; readonly platform: string | undefined },
  workshop: Workshop,
  scope: Scope,
): Promise<void> {
  const images = names.map((name) => {
    const image = imageFor(name, platform, workshop);
    const canonical = tryCanonical(name);
    const references = image.references.filter((each) => canonicalName(each) === canonical);
    return { ...image, references };
  });
  const layers = { store: workshop.store, fetch: sourceOfAll(images, workshop) };
  await saveImages(images, { type: 'oci', dest }, layers, scope);
  workshop.tell(...images.map((image) => imageHappening('save', image)));
}

/** Takes in the images of an archive: an OCI layout or docker's, compressed or not. */
export async function loadImages(
  input: string | NodeJS.ReadStream,
  workshop: Workshop,
  scope: Scope,
  wanted?: string,
): Promise<readonly LoadedImage[]> {
  const { store, tell } = workshop;
  const only = wanted !== undefined && wanted !== '';
  const platform = only ? parsePlatform(wanted, workshop.platform) : workshop.platform;
  const loaded = await loadArchive(input, { store, platform, only }, scope);
  tell(...loaded.map(({ id }) => imageHappening('load', store.images.find(id))));
  return loaded;
}

/** A layer that is no longer here comes again from the registry its own image came from. */
function sourceOfAll(images: readonly StoredImage[], workshop: Workshop): BlobSource {
  const sources = new Map<Digest, BlobSource>();
  for (const { document, id } of images) {
    const reference = workshop.store.images.find(id).references[0];
    const source = blobSource(
      reference === undefined ? 'scratch' : canonicalName(reference),
      workshop,
    );
    for (const layer of document.layers) sources.set(layer.digest, source);
  }
  const unnamed = blobSource('scratch', workshop);
  return (blob, scope) => (sources.get(blob.digest) ?? unnamed)(blob, scope);
}

function tryCanonical(name: string): string | undefined {
  try {
    return canonicalName(parseReference(name));
  } catch {
    return undefined; // An id is no name.
  }
}
