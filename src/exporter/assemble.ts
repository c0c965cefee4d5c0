import type { Store } from '../cache/store.js';
import type { Digest } from '../model/digest.js';
import type { BuildPlan } from '../model/graph.js';
import {
  type Descriptor,
  type HistoryEntry,
  type ImageConfig,
  type Manifest,
  MediaType,
} from '../model/oci.js';
import type { Scope } from '../model/scope.js';
import type { LayerMeta, Snapshot } from '../model/stores.js';

export interface AssembleInput {
  readonly plan: BuildPlan;
  readonly snapshot: Snapshot;
  /** Descriptors of the base's layers, bottom first: kept as they are, compressed or not. */
  readonly baseLayers: readonly Descriptor[];
  readonly store: Store;
  /** RFC 3339, for an image without any layer. */
  readonly now: string;
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
 * Writes config and manifest of a finished build. Times come from the layers, so a fully cached build gives the same
 * bytes again (FEATURES Y3, Y4). Layers built here are named uncompressed: digest = diffID, the blob made when asked.
 */
export async function assembleImage(input: AssembleInput, scope: Scope): Promise<BuiltImage> {
  const { plan, snapshot, store } = input;
  const metas = await Promise.all(
    snapshot.layers.slice(input.baseLayers.length).map((layer) => layer.meta(scope)),
  );
  const history = [...baseHistory(plan.base), ...ownHistory(plan, metas, input.now)];
  const baseDiffs = plan.base?.rootfs.diff_ids ?? [];
  const config: ImageConfig = {
    created: history.at(-1)?.created ?? input.now,
    ...plan.config,
    rootfs: { type: 'layers', diff_ids: [...baseDiffs, ...metas.map((meta) => meta.diffID)] },
    history,
  };
  const configBlob = await store.blobs.putJson(config, MediaType.ociConfig, scope);
  const document: Manifest = {
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    config: configBlob,
    layers: [...input.baseLayers.map(ociLayer), ...metas.map(localLayer)],
  };
  checkHistory(history, document.layers.length);
  const manifest = await store.blobs.putJson(document, MediaType.ociManifest, scope);
  return { manifest, document, config, imageId: configBlob.digest };
}

function localLayer(meta: LayerMeta): Descriptor {
  return { mediaType: MediaType.ociLayer, digest: meta.diffID, size: meta.tarBytes };
}

const OCI_TYPES: Readonly<Record<string, string>> = {
  [MediaType.dockerLayer]: MediaType.ociLayer,
  [MediaType.dockerLayerGzip]: MediaType.ociLayerGzip,
};

/** The same bytes under OCI's name: an OCI manifest must not mix in docker's types. */
function ociLayer(layer: Descriptor): Descriptor {
  return { ...layer, mediaType: OCI_TYPES[layer.mediaType] ?? layer.mediaType };
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

/** A metadata line has the time of the layer before it, or of the first after it. */
function ownHistory(plan: BuildPlan, metas: readonly LayerMeta[], now: string): HistoryEntry[] {
  let layer = 0;
  let time = metas[0]?.created ?? plan.base?.created ?? now;
  return plan.history.map(({ createdBy, vertex }) => {
    if (vertex !== undefined) time = metas[layer++]?.created ?? time;
    return {
      created: time,
      created_by: createdBy,
      comment: 'buildkit.dockerfile.v0',
      ...(vertex === undefined ? { empty_layer: true } : {}),
    };
  });
}
