import type { DiskBlobStore } from './cache/blob-store.js';
import type { Descriptor, ImageConfig, Manifest } from './model/oci.js';
import type { StoredImage } from './model/stored-image.js';

/** The image of one manifest of an index; `image` is another of it. */
export function imageOfManifest(
  image: StoredImage,
  manifest: Descriptor,
  blobs: Pick<DiskBlobStore, 'readJson'>,
): StoredImage {
  const document = blobs.readJson(manifest.digest) as Manifest; // Checked when it came.
  const id = document.config.digest;
  return { ...image, id, manifest, document, config: blobs.readJson(id) as ImageConfig }; // The same.
}
