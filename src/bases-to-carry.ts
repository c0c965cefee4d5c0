import { readFileSync } from 'node:fs';
import type { LentBases } from './lent-bases.js';
import type { Digest, DiffID } from './model/digest.js';
import type { BuildPlan, ImageSpec } from './model/graph.js';
import { type ImageIndex, isIndexType, type Manifest } from './model/oci.js';
import type { BaseDocuments } from './remote-cache/carried-bases.js';
import { type BaseBlob, ofBase } from './remote-cache/collect.js';
import type { OutgoingBase } from './remote-cache/export.js';
import type { Workshop } from './workshop.js';

/** Images that a build is on, and those of them that another machine could get nowhere. */
export interface KnownBases {
  readonly layers: ReadonlyMap<DiffID, BaseBlob>;
  /** With the layers that `wanted` names; of all by default. */
  readonly outgoing: (wanted?: ReadonlySet<DiffID>) => readonly OutgoingBase[];
}

/** An image travels when its name was given by no registry: it was loaded, built here, or came with a cache. */
export function knownBases(
  plans: readonly BuildPlan[],
  lent: LentBases | undefined,
  workshop: Workshop,
): KnownBases {
  const specs = plans
    .flatMap(({ vertices }) => vertices.map(({ op }) => op))
    .filter((op) => op.kind === 'image');
  const images = [...new Map(specs.map((spec) => [keyOf(spec), spec])).values()];
  const documents = new Map(
    images.map((spec) => [spec, lent?.documents(spec.manifest) ?? ownDocuments(spec, workshop)]),
  );
  const layers = new Map<DiffID, BaseBlob>();
  for (const [spec, found] of documents) {
    const travels = found !== undefined;
    for (const [i, blob] of spec.layers.entries()) {
      const diffID = spec.diffIDs[i];
      // What one of two images has of a registry need not travel for the other.
      if (diffID !== undefined && layers.get(diffID)?.travels !== false)
        layers.set(diffID, { blob, travels });
    }
  }
  return {
    layers,
    outgoing: (wanted) =>
      [...documents].flatMap(([spec, found]) =>
        found === undefined ? [] : [outgoing(spec, found, layers, wanted)],
      ),
  };
}

function keyOf({ reference, manifest }: ImageSpec): string {
  return `${reference} ${manifest}`;
}

/** Undefined for an image of a registry, or of a directory that the build names. */
function ownDocuments(
  { reference, manifest }: ImageSpec,
  { store }: Workshop,
): BaseDocuments | undefined {
  const { images, blobs } = store;
  const ref = images.refs().find(({ name }) => name === reference);
  if (ref === undefined || ref.pulled === true || !blobs.hasSync(manifest)) return undefined;
  // The name may mean another image of several platforms, or have moved since.
  const index = isIndexType(ref.manifest.mediaType)
    ? (blobs.readJson(ref.manifest.digest) as ImageIndex) // Checked when it came into the store.
    : undefined;
  const isIt =
    ref.manifest.digest === manifest ||
    index?.manifests.some(({ digest }) => digest === manifest) === true;
  const { config } = blobs.readJson(manifest) as Manifest; // The same.
  if (!isIt || !blobs.hasSync(config.digest)) return undefined;
  const text = (digest: Digest): string => readFileSync(blobs.path(digest), 'utf8');
  return { name: reference, manifest: text(manifest), config: text(config.digest) };
}

function outgoing(
  { diffIDs }: ImageSpec,
  documents: BaseDocuments,
  known: KnownBases['layers'],
  wanted: ReadonlySet<DiffID> | undefined,
): OutgoingBase {
  const { created = UNKNOWN } = JSON.parse(documents.config) as { readonly created?: string };
  const layers = diffIDs.flatMap((diffID) => {
    const base = known.get(diffID);
    if (base === undefined) return [];
    const travels = base.travels && wanted?.has(diffID) !== false;
    return [{ created, ...ofBase(diffID, { ...base, travels }) }];
  });
  return { ...documents, layers };
}

/** BuildKit wants a time of each layer. */
const UNKNOWN = '1970-01-01T00:00:00Z';
