import { type Descriptor, MediaType } from '../model/oci.js';

const OCI_TYPES: Readonly<Record<string, string>> = {
  [MediaType.dockerLayer]: MediaType.ociLayer,
  [MediaType.dockerLayerGzip]: MediaType.ociLayerGzip,
  [MediaType.dockerLayerZstd]: MediaType.ociLayerZstd,
};

/** The same bytes under OCI's name: an OCI manifest must not mix in docker's types. */
export function ociLayer(layer: Descriptor): Descriptor {
  return { ...layer, mediaType: OCI_TYPES[layer.mediaType] ?? layer.mediaType };
}
