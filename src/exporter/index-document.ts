import type { Annotation } from '../model/build-options.js';
import { type Descriptor, type ImageIndex, MediaType, type Platform } from '../model/oci.js';
import { formatPlatform, normalizePlatform } from '../model/platform.js';

/** What an index says of its images. */
export interface IndexFacts {
  readonly images: readonly { readonly platform: Platform }[];
  readonly annotations: readonly Annotation[];
}

/** The index of images whose manifests are these, in the same order. */
export function indexOf(
  { images, annotations }: IndexFacts,
  manifests: readonly Descriptor[],
  docker = false,
): ImageIndex {
  const own = annotationsOf(annotations, 'index');
  return {
    schemaVersion: 2,
    mediaType: docker ? MediaType.dockerList : MediaType.ociIndex,
    manifests: images.map(({ platform }, i) => {
      const manifest = manifests[i];
      if (manifest === undefined) throw new Error('an image without a manifest');
      const { mediaType, digest, size } = manifest;
      const more = annotationsOf(annotations, 'manifest-descriptor', platform);
      return { mediaType, digest, size, platform, ...ifAny(more) };
    }),
    ...ifAny(own),
  };
}

function ifAny(annotations: Readonly<Record<string, string>>): {
  annotations?: Readonly<Record<string, string>>;
} {
  return Object.keys(annotations).length === 0 ? {} : { annotations };
}

/** The annotations of one kind that are for a platform, or for all. */
export function annotationsOf(
  annotations: readonly Annotation[],
  on: Annotation['on'],
  platform?: Platform,
): Record<string, string> {
  const own = platform === undefined ? undefined : formatPlatform(normalizePlatform(platform));
  const chosen = annotations.filter(
    (each) => each.on === on && (each.platform === undefined || each.platform === own),
  );
  return Object.fromEntries(chosen.map(({ key, value }) => [key, value]));
}
