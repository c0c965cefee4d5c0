import { assembleImage, type BuiltImage, rfc3339 } from './exporter/assemble.js';
import type { Exportable } from './exporter/export-image.js';
import { annotationsOf, indexOf } from './exporter/index-document.js';
import { blobSource } from './image-source.js';
import type { BuildOptions, BuildResult, OutputSpec } from './model/build-options.js';
import { BuildError } from './model/error.js';
import type { BuildPlan, Vertex } from './model/graph.js';
import { type Descriptor, type InlineCache, MediaType, type Platform } from './model/oci.js';
import { choosePlatform } from './model/platform.js';
import { canonicalName, familiarName, parseReference, type Reference } from './model/reference.js';
import type { Scope } from './model/scope.js';
import type { BlobSource, Snapshot } from './model/stores.js';
import type { Workshop } from './workshop.js';

/** A platform's plan and what solving it gave. */
export interface Finished {
  readonly plan: BuildPlan;
  readonly platform: Platform;
  readonly snapshot: Snapshot;
}

export interface ExportInput {
  readonly options: BuildOptions;
  readonly tags: readonly Reference[];
  readonly finished: readonly Finished[];
  /** The images go under an index, also if there is one. */
  readonly index: boolean;
  /** What an image carries of its own cache. */
  readonly inline?:
    | ((image: Finished, epoch: number | undefined, scope: Scope) => Promise<InlineCache>)
    | undefined;
  /** Where layers of an image come from, if not from the store and its registry alone. */
  readonly baseSource?: ((reference: string) => BlobSource) | undefined;
}

/** Assembles the images of a build, writes every output and, last, the names in the store. */
export async function exportBuild(
  input: ExportInput,
  workshop: Workshop,
  scope: Scope,
): Promise<Omit<BuildResult, 'warnings'>> {
  checkAnnotations(input);
  const built = await assemble(input, {}, workshop, scope);
  await exportOutputs(input, built, workshop, scope);
  await holdBases(built, workshop, scope);
  const root = await name(built, input.tags, workshop, scope);
  const own = choosePlatform(workshop.platform, built.images, ({ platform }) => platform);
  const { imageId } = own ?? first(built.images);
  return {
    imageId,
    manifest: root.digest,
    manifestSize: root.size,
    manifestMediaType: root.mediaType,
    names: input.tags.map(canonicalName),
  };
}

type Built = Exportable & {
  readonly images: readonly (Exportable['images'][number] & Pick<BuiltImage, 'imageId'>)[];
};

function first<T>(list: readonly T[]): T {
  const [one] = list;
  if (one === undefined) throw new Error('a build without an image');
  return one;
}

type Variant = Pick<OutputSpec, 'epoch' | 'rewriteTimestamp' | 'annotations' | 'names'>;

/** The images as the store has them, or as an output of its own epoch or annotations wants them. */
async function assemble(
  input: ExportInput,
  { epoch: own, rewriteTimestamp, annotations: more = [], names }: Variant,
  workshop: Workshop,
  scope: Scope,
): Promise<Built> {
  const { options, tags, finished, index, inline } = input;
  const sourceOf = input.baseSource ?? ((name: string) => blobSource(name, workshop));
  const epoch = own === undefined ? finished[0]?.plan.epoch : (own ?? undefined);
  const annotations = [...(options.annotations ?? []), ...more];
  const images = await Promise.all(
    finished.map(async (each) => {
      const { plan, platform, snapshot } = each;
      const base = baseOf(plan.target);
      const image = await assembleImage(
        {
          plan,
          snapshot,
          baseLayers: base.layers,
          store: workshop.store,
          epoch,
          clamp: rewriteTimestamp,
          annotations: annotationsOf(annotations, 'manifest', platform),
          inlineCache: await inline?.(each, epoch, scope),
        },
        scope,
      );
      const fetch = sourceOf(base.reference ?? 'scratch');
      const context = { store: workshop.store, fetch };
      return { ...image, platform, snapshot, context, references: [] };
    }),
  );
  return {
    images,
    index,
    annotations,
    references: names?.map(parseReference) ?? tags,
    epoch: epoch === undefined ? undefined : { seconds: epoch, text: rfc3339(epoch) },
  };
}

interface Base {
  readonly layers: readonly Descriptor[];
  readonly reference: string | undefined;
}

/** The image at the bottom of the target's filesystem. */
function baseOf(target: Vertex): Base {
  let vertex = target;
  for (let below = vertex.inputs[0]; below !== undefined; below = vertex.inputs[0]) vertex = below;
  if (vertex.op.kind !== 'image') return { layers: [], reference: undefined };
  return { layers: vertex.op.layers, reference: vertex.op.reference };
}

async function exportOutputs(
  input: ExportInput,
  built: Built,
  workshop: Workshop,
  scope: Scope,
): Promise<void> {
  const outputs = input.options.outputs ?? [];
  if (outputs.length === 0) return;
  const { exportImage } = await import('./exporter/export-image.js');
  for (const output of outputs) {
    const { epoch, rewriteTimestamp, annotations, names } = output;
    const usual = [epoch, rewriteTimestamp, annotations, names].every((each) => each === undefined);
    const set = usual ? built : await assemble(input, output, workshop, scope);
    if (output.type === 'image') await name(set, set.references, workshop, scope);
    await exportImage(output, set, scope);
  }
}

async function rootOf(set: Built, workshop: Workshop, scope: Scope): Promise<Descriptor> {
  return set.index ? storeIndex(set, workshop, scope) : first(set.images).manifest;
}

async function storeIndex(set: Built, { store }: Workshop, scope: Scope): Promise<Descriptor> {
  const index = indexOf(
    set,
    set.images.map(({ manifest }) => manifest),
  );
  return store.blobs.putJson(index, MediaType.ociIndex, scope);
}

/**
 * An image in the store is whole: a base that no step looked into, for all were cached elsewhere or only metadata
 * changed, is brought now.
 */
async function holdBases({ images }: Built, { store }: Workshop, scope: Scope): Promise<void> {
  for (const { document, config, context } of images) {
    const missing = document.layers.filter((blob, i) => {
      const diffID = config.rootfs.diff_ids[i];
      const isHere = store.blobs.claim(blob.digest);
      return !isHere && (diffID === undefined || store.layerFacts(diffID) === undefined);
    });
    await Promise.all(
      missing.map((blob) => store.blobs.put(context.fetch(blob, scope), blob, scope)),
    );
  }
}

/** Names come last: they never mean something that is not whole, nor, after a power cut, something that was lost. */
async function name(
  set: Built,
  tags: readonly Reference[],
  workshop: Workshop,
  scope: Scope,
): Promise<Descriptor> {
  const { store, tell } = workshop;
  const root = await rootOf(set, workshop, scope);
  // Layers made here are named by their diffID.
  const layers = set.images.flatMap(({ document }) => document.layers.map(({ digest }) => digest));
  await store.unsynced.settle(layers);
  scope.signal.throwIfAborted();
  for (const tag of tags) {
    if (store.images.resolve(tag)?.digest === root.digest) continue;
    store.images.tag(tag, root);
    const named = familiarName(tag);
    tell({ type: 'image', action: 'tag', id: root.digest, attributes: { name: named } });
  }
  if (tags.length === 0) store.images.keep(root);
  return root;
}

/** An index' annotations need an index. */
function checkAnnotations({ options, index }: ExportInput): void {
  const all = [options, ...(options.outputs ?? [])].flatMap((each) => each.annotations ?? []);
  const misplaced = all.find(({ on }) => on === 'index' || on === 'index-descriptor');
  if (index || misplaced === undefined) return;
  throw new BuildError(
    'usage',
    `annotation ${misplaced.on}:${misplaced.key} needs an index, and one platform has none`,
    { hint: 'annotate the manifest, or add --build-arg BUILDKIT_MULTI_PLATFORM=1' },
  );
}
