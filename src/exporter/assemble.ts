import type { Store } from '../cache/store.js';
import type { Digest } from '../model/digest.js';
import type { BuildPlan } from '../model/graph.js';
import {
  type Descriptor,
  type HistoryEntry,
  type ImageConfig,
  type Manifest,
  MediaType,
  type InlineCache,
} from '../model/oci.js';
import type { Scope } from '../model/scope.js';
import type { LayerMeta, Snapshot } from '../model/stores.js';
import { ociLayer } from './oci-layer.js';

export interface AssembleInput {
  readonly plan: BuildPlan;
  readonly snapshot: Snapshot;
  /** Descriptors of the base's layers, bottom first: kept as they are, compressed or not. */
  readonly baseLayers: readonly Descriptor[];
  readonly store: Store;
  /** SOURCE_DATE_EPOCH in seconds: the time of all that is new. */
  readonly epoch?: number | undefined;
  /** False leaves files' times later than the epoch (`rewrite-timestamp=false`). */
  readonly clamp?: boolean | undefined;
  /** Of the manifest. */
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly inlineCache?: InlineCache | undefined;
}

/** An image in the store. */
export interface BuiltImage {
  readonly manifest: Descriptor;
  readonly document: Manifest;
  readonly config: ImageConfig;
  /** Digest of the config. */
  readonly imageId: Digest;
}

/**
 * Writes config and manifest of a finished build. Times come from the layers or are the epoch, so a fully cached build
 * gives the same bytes again (FEATURES Y3, Y4). Layers built here are named uncompressed: digest = diffID, the blob
 * made when asked.
 */
export async function assembleImage(input: AssembleInput, scope: Scope): Promise<BuiltImage> {
  const { plan, store } = input;
  const metas = await ownLayers(input, scope);
  const inherited = baseHistory(plan.base);
  const history = [...inherited, ...ownHistory(inherited, metas, input)];
  const config = configOf(input, metas, history);
  const configBlob = await store.blobs.putJson(config, MediaType.ociConfig, scope);
  const annotations = input.annotations ?? {};
  const document: Manifest = {
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    config: configBlob,
    layers: [...input.baseLayers.map(ociLayer), ...metas.map(localLayer)],
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
  };
  checkHistory(history, document.layers.length);
  const manifest = await store.blobs.putJson(document, MediaType.ociManifest, scope);
  return { manifest, document, config, imageId: configBlob.digest };
}

/** Layers above the base; with an epoch as they are when no time in them is later. */
function ownLayers(input: AssembleInput, scope: Scope): Promise<LayerMeta[]> {
  const { snapshot, baseLayers, store, epoch, clamp = true } = input;
  return Promise.all(
    snapshot.layers
      .slice(baseLayers.length)
      .map((layer) =>
        epoch === undefined || !clamp ? layer.meta(scope) : store.clamped(layer, epoch, scope),
      ),
  );
}

/** Fields in BuildKit's order. Without any layer and any base there is no time to give. */
function configOf(
  { plan, inlineCache }: AssembleInput,
  metas: readonly LayerMeta[],
  history: readonly HistoryEntry[],
): ImageConfig {
  const { architecture, author, config, os, variant } = plan.config;
  const diffIDs = [...(plan.base?.rootfs.diff_ids ?? []), ...metas.map((meta) => meta.diffID)];
  const created = lastTime(history);
  const [version, features] = [plan.config['os.version'], plan.config['os.features']];
  return {
    architecture,
    ...(author === undefined ? {} : { author }),
    ...(config === undefined ? {} : { config }),
    ...(created === undefined ? {} : { created }),
    history,
    os,
    ...(features === undefined ? {} : { 'os.features': features }),
    ...(version === undefined ? {} : { 'os.version': version }),
    rootfs: { type: 'layers', diff_ids: diffIDs },
    ...(variant === undefined ? {} : { variant }),
    ...inlineCache,
  };
}

function lastTime(history: readonly HistoryEntry[]): string | undefined {
  return history.findLast(({ created }) => created !== undefined)?.created;
}

function localLayer(meta: LayerMeta): Descriptor {
  return { mediaType: MediaType.ociLayer, digest: meta.diffID, size: meta.tarBytes };
}

/** Readers refuse an image whose history describes more or fewer layers than it has. */
function checkHistory(history: readonly HistoryEntry[], layers: number): void {
  const described = history.filter((entry) => entry.empty_layer !== true).length;
  if (described === layers) return;
  throw new Error(`history describes ${String(described)} layers of ${String(layers)}`);
}

/**
 * A base whose history lacks layers gets a line for each, as BuildKit's exporter writes it; lines for layers it does
 * not have are marked empty, oldest first.
 */
function baseHistory(base: ImageConfig | undefined): readonly HistoryEntry[] {
  if (base === undefined) return [];
  const all = base.history ?? [];
  const described = all.filter((entry) => entry.empty_layer !== true).length;
  let surplus = described - base.rootfs.diff_ids.length;
  const given = all.map((entry) =>
    entry.empty_layer === true || surplus-- <= 0 ? entry : { ...entry, empty_layer: true },
  );
  const missing = Math.max(0, base.rootfs.diff_ids.length - described);
  const created = base.created === undefined ? {} : { created: base.created };
  const line: HistoryEntry = { ...created, comment: 'buildkit.exporter.image.v0' };
  return [...given, ...Array.from({ length: missing }, () => line)];
}

/** With an epoch all lines have it; else a metadata line has the time of the layer before it, or of the first after. */
function ownHistory(
  inherited: readonly HistoryEntry[],
  metas: readonly LayerMeta[],
  { plan, epoch }: AssembleInput,
): HistoryEntry[] {
  const fixed = epoch === undefined ? undefined : rfc3339(epoch);
  let layer = 0;
  let time = fixed ?? metas[0]?.created ?? lastTime(inherited);
  return plan.history.map(({ createdBy, vertex }) => {
    if (vertex !== undefined) time = fixed ?? metas[layer++]?.created ?? time;
    return {
      ...(time === undefined ? {} : { created: time }),
      created_by: createdBy,
      comment: 'buildkit.dockerfile.v0',
      ...(vertex === undefined ? { empty_layer: true } : {}),
    };
  });
}

/** Whole seconds, as Go writes them. */
export function rfc3339(epoch: number): string {
  return new Date(epoch * 1000).toISOString().replace('.000Z', 'Z');
}
