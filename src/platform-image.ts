import { imageOfManifest } from './image-of-manifest.js';
import { BuildError } from './model/error.js';
import { type Descriptor, type ImageIndex, isIndexType } from './model/oci.js';
import { choosePlatform, formatPlatform, parsePlatform } from './model/platform.js';
import type { StoredImage } from './model/stored-image.js';
import type { Workshop } from './workshop.js';

/** An image of the store, of its index the one for `platform` where that is asked for. Throws BuildError `not-found`. */
export function imageFor(
  name: string,
  platform: string | undefined,
  workshop: Workshop,
): StoredImage {
  const image = workshop.store.images.find(name);
  if (platform === undefined || platform === '') return image;
  const wanted = parsePlatform(platform, workshop.platform);
  const here = platformsHere(image, workshop);
  const manifest = choosePlatform(wanted, here, (entry) => entry.platform ?? image.config);
  if (manifest === undefined) {
    const shown = here.map((entry) => formatPlatform(entry.platform ?? image.config)).join(', ');
    throw new BuildError(
      'not-found',
      `image with reference ${name} was found but does not provide the specified platform (${formatPlatform(wanted)})`,
      { hint: `it is here for ${shown}; stave pull --platform brings another` },
    );
  }
  if (manifest.digest === image.manifest.digest) return image;
  return imageOfManifest(image, manifest, workshop.store.blobs);
}

/** The image itself, or of its index those whose manifests are in the store. */
function platformsHere({ root, manifest }: StoredImage, { store }: Workshop): Descriptor[] {
  if (!isIndexType(root.mediaType)) return [manifest];
  const { manifests } = store.blobs.readJson(root.digest) as ImageIndex; // Checked when it came.
  return manifests.filter(
    (entry) => entry.platform?.os !== 'unknown' && store.blobs.hasSync(entry.digest),
  );
}
