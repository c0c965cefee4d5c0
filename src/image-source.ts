import { MediaType, type Descriptor, type ImageConfig, type Manifest } from './model/oci.js';
import { BuildError, type SourceRange } from './model/error.js';
import type { ImageSpec, ResolvedImage } from './model/graph.js';
import { canonicalName, familiarName, parseReference, type Reference } from './model/reference.js';
import { nearest } from './model/nearest.js';
import type { Scope } from './model/scope.js';
import type { BlobSource, Snapshot } from './model/stores.js';
import { internalVertex } from './internal-vertex.js';
import type { Workshop } from './workshop.js';

/** An image of the store, or of a registry when it is not there or `pull` asks again. */
export async function resolveImage(
  name: string,
  { workshop, pull, range }: { workshop: Workshop; pull: boolean; range?: SourceRange },
  scope: Scope,
): Promise<ResolvedImage> {
  const reference = placed(() => parseReference(name), range);
  return internalVertex(
    `[internal] load metadata for ${canonicalName(reference)}`,
    scope,
    async (inner) => {
      const local = pull ? undefined : localImage(reference, workshop);
      if (local !== undefined) return local;
      try {
        const { resolveRemote } = await import('./remote-image.js');
        return await resolveRemote(reference, workshop, inner);
      } catch (error) {
        throw withPlace(error, reference, workshop, range);
      }
    },
  );
}

function placed<T>(work: () => T, range: SourceRange | undefined): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof BuildError && range !== undefined ? error.at(range) : error;
  }
}

/** The user's line, and the image of the store they may have meant. */
function withPlace(
  error: unknown,
  reference: Reference,
  workshop: Workshop,
  range: SourceRange | undefined,
): unknown {
  if (!(error instanceof BuildError)) return error;
  const names = workshop.store.images.list().flatMap((image) => image.references.map(familiarName));
  const near = nearest(familiarName(reference), names);
  const hint = near === undefined ? error.hint : `did you mean ${near}, which is in the store?`;
  return new BuildError(error.code, error.message, {
    details: error.details,
    cause: error.cause,
    ...(hint === undefined ? {} : { hint }),
    ...(range === undefined ? {} : { range }),
  });
}

function localImage(reference: Reference, { store }: Workshop): ResolvedImage | undefined {
  const manifest = store.images.resolve(reference);
  if (manifest === undefined || !store.blobs.hasSync(manifest.digest)) return undefined;
  const document = store.blobs.readJson(manifest.digest) as Manifest;
  if (!store.blobs.hasSync(document.config.digest)) return undefined;
  const config = store.blobs.readJson(document.config.digest) as ImageConfig;
  return {
    reference: canonicalName(reference),
    manifest: manifest.digest,
    layers: document.layers,
    config,
  };
}

/** Bytes of a layer blob: from the store, else from the registry the image came from (and then into the store). */
export function blobSource(reference: string, workshop: Workshop): BlobSource {
  return async function* (blob: Descriptor, scope: Scope) {
    const { blobs } = workshop.store;
    if (!blobs.hasSync(blob.digest)) {
      if (blob.mediaType === MediaType.ociLayer) {
        throw new BuildError(
          'store',
          `layer ${blob.digest} of ${reference} is no longer in the store`,
          {
            hint: 'build the image again',
          },
        );
      }
      const { fetchBlob } = await import('./remote-image.js');
      await fetchBlob(parseReference(reference), blob, workshop, scope);
    }
    yield* blobs.open(blob, scope);
  };
}

/** An image's filesystem; its layers are downloaded and unpacked when something reads them. */
export async function openImage(
  spec: Omit<ImageSpec, 'kind' | 'manifest'>,
  workshop: Workshop,
): Promise<Snapshot> {
  const { snapshots } = workshop.store;
  const source = blobSource(spec.reference, workshop);
  const layers = await Promise.all(
    spec.layers.map((blob, i) => {
      const diffID = spec.diffIDs[i];
      if (diffID === undefined)
        throw new BuildError('integrity', `${spec.reference} has more layers than diffIDs`);
      return snapshots.fromBlob(blob, diffID, source);
    }),
  );
  return snapshots.snapshot(layers);
}
