import type { Annotation } from '../model/build-options.js';
import { type Descriptor, type ImageIndex, MediaType, type Platform } from '../model/oci.js';
import { formatPlatform, normalizePlatform } from '../model/platform.js';
import type { Reference } from '../model/reference.js';
import type { Scope } from '../model/scope.js';
import { filesOf, layoutFile, namedEntries, type NamedImage, text } from './image-archive.js';
import { formImage, type ImageForm } from './image-form.js';
import type { LayerContext } from './layer-source.js';
import { type ArchiveFile } from './tar-file.js';

/** An image of an index. */
export interface PlatformImage extends NamedImage {
  readonly platform: Platform;
  readonly context: LayerContext;
}

/** Images of several platforms under common names. */
export interface ImageSet {
  readonly images: readonly PlatformImage[];
  readonly references: readonly Reference[];
  readonly annotations: readonly Annotation[];
}

/** The index of images whose manifests are these, in the same order. */
export function indexOf(
  { images, annotations }: ImageSet,
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

/** The files of an OCI layout whose one image is an index (image-spec image-layout.md, image-index.md). */
export async function* indexLayout(
  set: ImageSet,
  form: ImageForm,
  scope: Scope,
): AsyncGenerator<ArchiveFile> {
  const written = new Set<string>();
  const manifests: Descriptor[] = [];
  yield layoutFile();
  for (const image of set.images) {
    const { manifest, blobs } = await formImage(image, form, image.context, scope);
    yield* filesOf(blobs, written);
    manifests.push(manifest);
  }
  const index = indexOf(set, manifests, form.docker);
  const [first] = set.images;
  if (first === undefined) throw new Error('an index without images');
  const { blobs } = first.context.store;
  const blob = await blobs.putJson(index, index.mediaType ?? MediaType.ociIndex, scope);
  yield* filesOf([{ descriptor: blob, bytes: () => blobs.open(blob, scope) }], written);
  const entries = namedEntries(blob, set.references, form);
  yield text('index.json', { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: entries });
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
