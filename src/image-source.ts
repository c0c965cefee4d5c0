import { layerTar } from './cache/layer-digest.js';
import type { Store } from './cache/store.js';
import {
  type Descriptor,
  type ImageConfig,
  type ImageIndex,
  isIndexType,
  type Manifest,
  MediaType,
  type Platform,
} from './model/oci.js';
import { choosePlatform, formatPlatform } from './model/platform.js';
import { BuildError, type SourceRange } from './model/error.js';
import type { ImageSpec, ResolvedImage } from './model/graph.js';
import { canonicalName, familiarName, parseReference, type Reference } from './model/reference.js';
import { nearest } from './model/nearest.js';
import type { Scope } from './model/scope.js';
import type { BlobSource, Snapshot } from './model/stores.js';
import { internalVertex } from './internal-vertex.js';
import type { Workshop } from './workshop.js';

export interface ResolveOptions {
  readonly workshop: Workshop;
  /** Ask the registry again, also when the store has it. */
  readonly pull: boolean;
  readonly platform: Platform;
  /** Several platforms are resolved: the title says which. */
  readonly several?: boolean;
  readonly range?: SourceRange;
  /** Asked last, when neither the store nor a registry gave it. */
  readonly lent?:
    | ((
        reference: Reference,
        platform: Platform,
        scope: Scope,
      ) => Promise<ResolvedImage | undefined>)
    | undefined;
}

/**
 * An image of the store, or of a registry when it is not there or `pull` asks again. One that is not for the platform is
 * given only when nothing better is to be had.
 */
export async function resolveImage(
  name: string,
  { workshop, pull, range, platform, several = false, lent }: ResolveOptions,
  scope: Scope,
): Promise<ResolvedImage> {
  const reference = placed(() => parseReference(name), range);
  return internalVertex(
    `[${several ? `${formatPlatform(platform)} ` : ''}internal] load metadata for ${canonicalName(reference)}`,
    scope,
    async (inner) => {
      const local = localImage(reference, platform, workshop);
      if (!pull && local !== undefined && runsOn(local, platform)) return local;
      try {
        const { resolveRemote } = await import('./remote-image.js');
        // A build that needs another platform of an image must not change what its name means here.
        const tag = pull || local === undefined;
        return (await resolveRemote(reference, { workshop, platform, tag }, inner)).image;
      } catch (error) {
        // Most likely built here: the caller warns of its platform.
        if (!pull && local !== undefined && error instanceof BuildError) return local;
        // Who asks for a registry's image by --pull wants no other.
        const other =
          pull || !(error instanceof BuildError)
            ? undefined
            : await lent?.(reference, platform, inner);
        if (other !== undefined) return other;
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
  const there = workshop.store.images.list().flatMap((image) => image.references);
  const names = there.filter((each) => isLike(each, reference)).map(familiarName);
  const own = familiarName(reference);
  // Itself may be here, for another platform.
  const near = names.includes(own) ? undefined : nearest(own, names);
  const hint = near === undefined ? error.hint : `did you mean ${near}, which is in the store?`;
  return new BuildError(error.code, error.message, {
    details: error.details,
    cause: error.cause,
    ...(hint === undefined ? {} : { hint }),
    ...(range === undefined ? {} : { range }),
  });
}

/** The same path, or one a slip away in the same registry: a tag or a registry alone makes no two names alike. */
function isLike(each: Reference, wanted: Reference): boolean {
  const [a, b] = [each, wanted].map(({ path }) => path.replace(/^library\//, '')) as [
    string,
    string,
  ];
  return a === b || (each.domain === wanted.domain && nearest(b, [a]) !== undefined);
}

function runsOn({ config }: ResolvedImage, platform: Platform): boolean {
  return choosePlatform(platform, [config], (each) => each) !== undefined;
}

function localImage(
  reference: Reference,
  platform: Platform,
  { store }: Workshop,
): ResolvedImage | undefined {
  const root = store.images.resolve(reference);
  if (root === undefined || !store.blobs.hasSync(root.digest)) return undefined;
  const manifest = isIndexType(root.mediaType) ? inIndex(root, platform, store) : root;
  if (manifest === undefined) return undefined;
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

/** The platform's image of an index, else any that is here. */
function inIndex(root: Descriptor, platform: Platform, { blobs }: Store): Descriptor | undefined {
  const { manifests } = blobs.readJson(root.digest) as ImageIndex; // Checked when it came.
  const here = manifests.filter(
    (each) => each.platform !== undefined && blobs.hasSync(each.digest),
  );
  return choosePlatform(platform, here, (each) => each.platform) ?? here[0];
}

/** Bytes of a layer blob: from the store, else from the registry the image came from (and then into the store). */
export function blobSource(reference: string, workshop: Workshop): BlobSource {
  return async function* (blob: Descriptor, scope: Scope) {
    const { blobs } = workshop.store;
    if (!blobs.hasSync(blob.digest)) {
      // A layer built with SOURCE_DATE_EPOCH lies in a tree with later times: it is written, and unpacked as it is.
      const tree = await workshop.store.treeOf(blob.digest);
      if (tree !== undefined && blob.mediaType === MediaType.ociLayer) {
        yield* layerTar(tree.layer.path, tree.epoch);
        return;
      }
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
  source = blobSource(spec.reference, workshop),
): Promise<Snapshot> {
  const { snapshots } = workshop.store;
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
