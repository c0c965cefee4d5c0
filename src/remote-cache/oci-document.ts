import { descriptor, list, record } from '../exporter/image-document.js';
import type { CacheDocumentForm } from '../model/cache-options.js';
import { digestOf } from '../model/digest.js';
import { BuildError } from '../model/error.js';
import { type Descriptor, isIndexType, MediaType } from '../model/oci.js';
import type { CacheDocument } from './backend.js';
import { CACHE_CONFIG } from './config-types.js';

/** A manifest to write, and its config's descriptor. */
export interface WrittenManifest {
  readonly mediaType: string;
  readonly bytes: Buffer;
  readonly config: Descriptor;
}

/**
 * The manifest of a cache: an OCI image manifest with the layers as layers, or, as BuildKit wrote it until 2025, an index
 * whose entries are layers and, last, the config.
 */
export function manifestOf(document: CacheDocument, form: CacheDocumentForm): WrittenManifest {
  const { config: bytes, blobs } = document;
  const oci = form.ociMediaTypes ?? true;
  const image = form.imageManifest ?? oci;
  if (image && !oci) {
    throw new BuildError('usage', 'oci-mediatypes=false excludes image-manifest=true', {
      hint: 'the image manifest form has OCI media types: leave one of them out',
    });
  }
  const config = { mediaType: CACHE_CONFIG, digest: digestOf(bytes), size: bytes.length };
  const typed = oci ? blobs : blobs.map(dockerTyped);
  const mediaType = image ? MediaType.ociManifest : oci ? MediaType.ociIndex : MediaType.dockerList;
  const value = image
    ? { schemaVersion: 2, mediaType, config, layers: typed }
    : { schemaVersion: 2, mediaType, manifests: [...typed, config] };
  return { mediaType, bytes: Buffer.from(JSON.stringify(value)), config };
}

const DOCKER_TYPES: Readonly<Record<string, string>> = {
  [MediaType.ociLayer]: MediaType.dockerLayer,
  [MediaType.ociLayerGzip]: MediaType.dockerLayerGzip,
  [MediaType.ociLayerZstd]: MediaType.dockerLayerZstd,
};

function dockerTyped(blob: Descriptor): Descriptor {
  return { ...blob, mediaType: DOCKER_TYPES[blob.mediaType] ?? blob.mediaType };
}

/** A manifest's parts, where it is a cache's; undefined for an image or an index of images. */
export interface ManifestParts {
  readonly config: Descriptor;
  readonly blobs: readonly Descriptor[];
}

/** The manifest itself is at most 4 MiB. */
const MAX_BLOBS = 50_000;

/** Throws BuildError `archive` on anything malformed. */
export function cacheParts(
  manifest: { readonly mediaType: string; readonly document: unknown },
  what: string,
): ManifestParts | undefined {
  const fields = record(manifest.document, what);
  const descriptors = (value: unknown): readonly Descriptor[] =>
    list(value ?? [], `the blobs of ${what}`, MAX_BLOBS).map((each) =>
      descriptor(each, `a blob of ${what}`),
    );
  if (isIndexType(manifest.mediaType)) {
    const entries = descriptors(fields['manifests']);
    const config = entries.findLast(isConfig);
    return config && { config, blobs: entries.filter((each) => !isConfig(each)) };
  }
  const config = descriptor(fields['config'], `the config of ${what}`);
  return isConfig(config) ? { config, blobs: descriptors(fields['layers']) } : undefined;
}

function isConfig({ mediaType }: Descriptor): boolean {
  return mediaType === CACHE_CONFIG;
}
