import { descriptor, list, readConfig, readManifest, record } from '../exporter/image-document.js';
import { isDigest } from '../model/digest.js';
import { BuildError } from '../model/error.js';
import type { Descriptor } from '../model/oci.js';
import { parseStrictJson } from '../registry/strict-json.js';
import { type CacheDocument, MAX_CONFIG } from './backend.js';
import { type BaseDocuments, type CarriedBase, packBases } from './carried-bases.js';

/** The field of an image's config that carries records; their layers are the image's, by position. */
const INLINE_FIELD = 'moby.buildkit.cache.v0';
/** Ours: BuildKit passes over it. */
const BASES_FIELD = 'stave.cache.bases.v0';

/** As they came. */
export interface InlineImage {
  readonly manifest: unknown;
  readonly config: Uint8Array;
}

const MAX_LAYERS = 500;

/** What images carry, as one cache; undefined when none carries any. Throws BuildError `archive` or `registry`. */
export function inlineDocument(
  images: readonly InlineImage[],
  what: string,
): CacheDocument | undefined {
  const layers: object[] = [];
  const records: object[] = [];
  const blobs: Descriptor[] = [];
  const bases: CarriedBase[] = [];
  for (const { manifest, config } of images) {
    const fields = record(parseStrictJson(Buffer.from(config).toString(), what), what);
    const own = recordsOf(fields[INLINE_FIELD], what);
    if (own.length === 0 && fields[BASES_FIELD] === undefined) continue;
    const stack = layersOf(manifest, fields, what);
    bases.push(...basesOf(fields[BASES_FIELD], stack, what));
    const below = layers.length;
    records.push(...own.map((each) => shifted(each, below, what)));
    layers.push(
      ...stack.map(({ entry }, i) => ({ ...entry, parent: i === 0 ? -1 : below + i - 1 })),
    );
    blobs.push(...stack.map(({ blob }) => blob));
  }
  if (records.length + bases.length === 0) return undefined;
  const config = Buffer.from(JSON.stringify({ layers, records }));
  return { config, blobs, ...(bases.length === 0 ? {} : { bases: packBases(bases).bytes }) };
}

/** Go writes bytes as base64. */
function recordsOf(value: unknown, what: string): readonly unknown[] {
  if (typeof value !== 'string' || value.length > MAX_CONFIG) return [];
  const text = Buffer.from(value, 'base64').toString();
  return list(parseStrictJson(text, `the inline cache of ${what}`), `records of ${what}`, 100_000);
}

interface ImageLayer {
  readonly blob: Descriptor;
  readonly entry: object;
  readonly diffID: unknown;
}

/** Of each base the documents; its layers are the image's, in the form that the image has them in. */
export function inlineBases(bases: readonly BaseDocuments[]): string | undefined {
  if (bases.length === 0) return undefined;
  const images = bases.map(({ name, manifest, config }) => ({ name, manifest, config }));
  return Buffer.from(JSON.stringify({ images })).toString('base64');
}

function basesOf(
  value: unknown,
  stack: readonly ImageLayer[],
  what: string,
): readonly CarriedBase[] {
  if (typeof value !== 'string') return [];
  const note = `the base images in ${what}`;
  const fields = record(parseStrictJson(Buffer.from(value, 'base64').toString(), note), note);
  const blobs = new Map(stack.map(({ diffID, blob }) => [diffID, blob]));
  return list(fields['images'], note, MAX_LAYERS).map((each) => {
    const { name, manifest, config } = record(each, note);
    if (typeof name !== 'string' || typeof manifest !== 'string' || typeof config !== 'string')
      throw new BuildError('archive', `${note} have an image without its documents`);
    const own = readManifest(parseStrictJson(manifest, note), note).layers;
    const { rootfs } = readConfig(parseStrictJson(config, note), own.length, note);
    const layers = own.map((layer, i) => blobs.get(rootfs.diff_ids[i]) ?? layer);
    return { name, manifest, config, layers };
  });
}

function layersOf(
  manifest: unknown,
  config: Readonly<Record<string, unknown>>,
  what: string,
): readonly ImageLayer[] {
  const layers = list(record(manifest, what)['layers'], `layers of ${what}`, MAX_LAYERS);
  const { diff_ids: ids } = record(config['rootfs'], `rootfs of ${what}`);
  const diffIDs = list(ids ?? [], `diff_ids of ${what}`, MAX_LAYERS);
  const times = layerTimes(config['history'], what);
  return layers.map((layer, i) => {
    const blob = descriptor(layer, `a layer of ${what}`);
    const diffID = diffIDs[i];
    const isKnown = typeof diffID === 'string' && isDigest(diffID);
    const annotations = isKnown ? { annotations: { diffID, createdAt: times[i] } } : {};
    return { blob, diffID, entry: { blob: blob.digest, ...annotations } };
  });
}

/** When each layer was made, by the image's history. */
function layerTimes(history: unknown, what: string): readonly unknown[] {
  return list(history ?? [], `history of ${what}`, 10_000)
    .map((entry) => record(entry, `history of ${what}`))
    .filter((entry) => entry['empty_layer'] !== true)
    .map((entry) => entry['created']);
}

/** Its indexes count from the image's first layer. */
function shifted(value: unknown, by: number, what: string): object {
  const fields = record(value, `a record of ${what}`);
  const more = (index: unknown): unknown => (typeof index === 'number' ? index + by : index);
  const layers = entries(fields['layers'], what).map((each) => ({
    ...each,
    layer: more(each['layer'] ?? 0),
  }));
  const chains = entries(fields['chains'], what).map((each) => ({
    ...each,
    layers: list(each['layers'], `a chain of ${what}`, MAX_LAYERS).map(more),
  }));
  const { layers: _layers, chains: _chains, ...rest } = fields;
  return {
    ...rest,
    ...(layers.length === 0 ? {} : { layers }),
    ...(chains.length === 0 ? {} : { chains }),
  };
}

function entries(value: unknown, what: string): readonly Readonly<Record<string, unknown>>[] {
  return list(value ?? [], `layers of a record of ${what}`, MAX_LAYERS).map((each) =>
    record(each, `a layer of a record of ${what}`),
  );
}
