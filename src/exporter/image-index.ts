import type { Annotation } from '../model/build-options.js';
import { type Descriptor, MediaType, type Platform } from '../model/oci.js';
import type { Reference } from '../model/reference.js';
import type { Scope } from '../model/scope.js';
import { filesOf, layoutFile, namedEntries, type NamedImage, text } from './image-archive.js';
import { formImage, type ImageForm } from './image-form.js';
import { indexOf } from './index-document.js';
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
