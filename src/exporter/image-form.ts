import { type Descriptor, type ImageConfig, type Manifest, MediaType } from '../model/oci.js';
import type { Scope } from '../model/scope.js';
import type { Bytes } from '../model/stores.js';
import { exportedLayer, type LayerContext, type LayerForm } from './layer-source.js';

/** How an image is written; by default layers are compressed and types are what they are. */
export interface ImageForm extends LayerForm {
  /** Docker's media types in place of OCI's. */
  readonly docker?: boolean | undefined;
  /** Of the descriptor that names the image in its index. */
  readonly descriptorAnnotations?: Readonly<Record<string, string>> | undefined;
}

export interface OutgoingBlob {
  readonly descriptor: Descriptor;
  readonly bytes: () => Bytes;
}

/** An image as it leaves: all it names, itself last. */
export interface FormedImage {
  readonly manifest: Descriptor;
  readonly document: Manifest;
  readonly blobs: readonly OutgoingBlob[];
}

const DOCKER_TYPES: Readonly<Record<string, string>> = {
  [MediaType.ociManifest]: MediaType.dockerManifest,
  [MediaType.ociConfig]: MediaType.dockerConfig,
  [MediaType.ociLayer]: MediaType.dockerLayer,
  [MediaType.ociLayerGzip]: MediaType.dockerLayerGzip,
  [MediaType.ociLayerZstd]: MediaType.dockerLayerZstd,
};

/** An image that has the form already keeps its manifest, byte for byte. */
export async function formImage(
  image: {
    readonly manifest: Descriptor;
    readonly document: Manifest;
    readonly config: ImageConfig;
  },
  form: ImageForm,
  context: LayerContext,
  scope: Scope,
): Promise<FormedImage> {
  const { blobs } = context.store;
  const layers: OutgoingBlob[] = [];
  for (const [i, layer] of image.document.layers.entries()) {
    const diffID = image.config.rootfs.diff_ids[i];
    if (diffID === undefined) throw new Error('more layers than diffIDs');
    layers.push(await exportedLayer(layer, { diffID, form }, context, scope));
  }
  const typed = (descriptor: Descriptor): Descriptor =>
    form.docker === true
      ? { ...descriptor, mediaType: DOCKER_TYPES[descriptor.mediaType] ?? descriptor.mediaType }
      : descriptor;
  const mediaType = image.document.mediaType ?? MediaType.ociManifest;
  const document: Manifest = {
    ...image.document,
    mediaType: form.docker === true ? (DOCKER_TYPES[mediaType] ?? mediaType) : mediaType,
    config: typed(image.document.config),
    layers: layers.map(({ descriptor }) => typed(descriptor)),
  };
  const same = layers.every(({ descriptor }, i) => isSame(descriptor, image.document.layers[i]));
  const stays = same && form.docker !== true;
  const manifest = stays
    ? image.manifest
    : await blobs.putJson(document, document.mediaType ?? mediaType, scope);
  const stored = (descriptor: Descriptor): OutgoingBlob => ({
    descriptor,
    bytes: () => blobs.open(descriptor, scope),
  });
  const { config } = image.document;
  return {
    manifest,
    document: stays ? image.document : document,
    blobs: [stored(config), ...layers, stored(manifest)],
  };
}

function isSame(a: Descriptor, b: Descriptor | undefined): boolean {
  return a.digest === b?.digest && a.mediaType === b.mediaType;
}
