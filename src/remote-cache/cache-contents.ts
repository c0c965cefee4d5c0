import { descriptor, list, record } from '../exporter/image-document.js';
import type { CacheKey, Digest, DiffID, TreeDigest } from '../model/digest.js';
import { isDigest } from '../model/digest.js';
import { BuildError } from '../model/error.js';
import type { Descriptor } from '../model/oci.js';
import { parseStrictJson } from '../registry/strict-json.js';
import { type CacheDocument, MAX_CONFIG } from './backend.js';

/** A layer of a step's result. */
export interface CachedLayer {
  readonly diffID: DiffID;
  readonly blob: Descriptor;
  /** The cache has its bytes; else they are the base image's, which whoever builds has at hand. */
  readonly held: boolean;
  /** RFC 3339. */
  readonly created: string;
  /** Of its tree, where the cache says it: a promise, held against the tree when it is unpacked. */
  readonly content?: TreeDigest;
}

/** What a cache says of a step besides its layers. */
export interface StepFacts {
  readonly key: CacheKey;
  readonly op: Digest;
  readonly content?: CacheKey;
  readonly whole?: CacheKey;
  readonly tree: TreeDigest;
  readonly created: string;
  readonly name?: string;
}

/** A step somebody ran. */
export interface CachedStep extends StepFacts {
  /** Bottom first. */
  readonly layers: () => readonly CachedLayer[];
}

export interface CacheContents {
  readonly steps: readonly CachedStep[];
  /** Records of another tool: its keys say nothing here. */
  readonly foreign: number;
}

const MAX_ENTRIES = 100_000;
/** As many as the kernel can stack. */
const MAX_DEPTH = 500;

interface LinkedLayer extends CachedLayer {
  readonly parent: number;
}

/**
 * Reads a cache config that anybody may have written: every index in range, no loops, nothing too deep. What a record
 * leads to is still only a promise, which whoever unpacks the layers holds against their digests. Throws BuildError
 * `archive` or `registry`.
 */
export function readContents({ config, blobs }: CacheDocument, what: string): CacheContents {
  if (config.length > MAX_CONFIG) throw bad(what, 'is larger than 16 MiB');
  const fields = record(parseStrictJson(Buffer.from(config).toString(), what), what);
  const held = new Map(blobs.map((blob) => [blob.digest, blob]));
  const layers = list(fields['layers'] ?? [], `layers of ${what}`, MAX_ENTRIES).map((each) =>
    readLayer(record(each, `a layer of ${what}`), held, what),
  );
  checkChains(
    layers.map(({ parent }) => parent),
    what,
  );
  return readRecords(fields['records'] ?? [], (top) => chainTo(top, layers, what), what);
}

/** Undefined for a layer that says too little of itself to be used here: BuildKit's have no annotations in a registry. */
function readLayer(
  fields: Readonly<Record<string, unknown>>,
  held: ReadonlyMap<Digest, Descriptor>,
  what: string,
): LinkedLayer | { readonly parent: number; readonly diffID?: undefined } {
  const { blob, parent = 0, annotations } = fields; // Go leaves a zero out.
  if (typeof blob !== 'string' || !isDigest(blob)) throw bad(what, 'has a layer without a digest');
  if (!Number.isSafeInteger(parent)) throw bad(what, 'has a layer whose parent is no index');
  const more = record(annotations ?? {}, `annotations of a layer of ${what}`);
  const { diffID, createdAt, mediaType, size, content } = more;
  const at = Number(parent);
  if (typeof diffID !== 'string' || !isDigest(diffID)) return { parent: at };
  const own = held.get(blob);
  return {
    parent: at,
    diffID,
    blob: own ?? descriptor({ digest: blob, mediaType, size }, `a layer of ${what}`),
    held: own !== undefined,
    created: dateOf(createdAt),
    ...(typeof content === 'string' && isDigest(content) ? { content } : {}),
  };
}

/** Each parent exists, and following them ends. */
function checkChains(parents: readonly number[], what: string): void {
  const depths = new Map<number, number>([[-1, 0]]);
  for (const start of parents.keys()) {
    const trail: number[] = [];
    let at = start;
    for (; !depths.has(at); at = parents[at] ?? -1) {
      if (at < -1 || at >= parents.length)
        throw bad(what, `names layer ${String(at)}, which it does not have`);
      if (trail.push(at) > MAX_DEPTH)
        throw bad(what, `has layers in a loop, or more than ${String(MAX_DEPTH)} deep`);
    }
    let depth = depths.get(at) ?? 0;
    for (const each of trail.reverse()) depths.set(each, ++depth);
    if (depth > MAX_DEPTH) throw bad(what, `has layers more than ${String(MAX_DEPTH)} deep`);
  }
}

type Layers = ReturnType<typeof readLayer>[];

/** All layers up to one, or one alone. */
function chainTo({ top, alone }: Top, layers: Layers, what: string): readonly CachedLayer[] {
  const chain: CachedLayer[] = [];
  for (let at = top; at !== -1;) {
    const layer = layers[at];
    if (layer?.diffID === undefined) throw bad(what, 'has a step with a layer that says no diffID');
    chain.push(layer);
    at = alone ? -1 : layer.parent;
  }
  return chain.reverse();
}

interface Top {
  readonly top: number;
  /** Without those below it: of an inline cache, whose layers are stacked as the image's. */
  readonly alone: boolean;
}

function readRecords(
  value: unknown,
  chain: (top: Top) => readonly CachedLayer[],
  what: string,
): CacheContents {
  const steps: CachedStep[] = [];
  let foreign = 0;
  for (const each of list(value, `records of ${what}`, MAX_ENTRIES)) {
    const fields = record(each, `a record of ${what}`);
    if (fields['stave'] === undefined) foreign++;
    else steps.push(readStep(fields, chain, what));
  }
  return { steps, foreign };
}

function readStep(
  { digest: key, layers, chains, stave }: Readonly<Record<string, unknown>>,
  chain: (top: Top) => readonly CachedLayer[],
  what: string,
): CachedStep {
  const note = record(stave, `a record of ${what}`);
  const { layers: count, created, name } = note;
  const digest = (value: unknown): Digest => {
    if (typeof value === 'string' && isDigest(value)) return value;
    throw bad(what, 'has a record with a malformed key');
  };
  const byInputs = (['content', 'whole'] as const)
    .filter((each) => note[each] !== undefined)
    .map((each) => [each, digest(note[each])] as const);
  const tops = topsOf(layers, chains, what);
  return {
    key: digest(key),
    op: digest(note['op']),
    tree: digest(note['tree']),
    ...Object.fromEntries(byInputs),
    created: dateOf(created),
    ...(typeof name === 'string' ? { name: name.slice(0, MAX_NAME) } : {}),
    layers: () => {
      const all = tops.flatMap((top) => chain(top));
      if (all.length === count) return all;
      throw bad(what, `has a step of ${String(count)} layers with ${String(all.length)}`);
    },
  };
}

const MAX_NAME = 10_000;

function topsOf(layers: unknown, chains: unknown, what: string): readonly Top[] {
  const [top] = list(layers ?? [], `layers of a record of ${what}`, MAX_DEPTH);
  if (top !== undefined) return [{ top: indexOf(record(top, what)['layer'], what), alone: false }];
  const [single] = list(chains ?? [], `chains of a record of ${what}`, MAX_DEPTH);
  if (single === undefined) return [];
  const each = list(record(single, what)['layers'], `a chain of ${what}`, MAX_DEPTH);
  return each.map((index) => ({ top: indexOf(index, what), alone: true }));
}

function indexOf(value: unknown, what: string): number {
  if (Number.isSafeInteger(value) && Number(value) >= 0) return Number(value);
  throw bad(what, 'has a record with a layer that is no index');
}

function dateOf(value: unknown): string {
  return typeof value === 'string' && !Number.isNaN(Date.parse(value)) ? value : '';
}

function bad(what: string, why: string): BuildError {
  return new BuildError('archive', `${what} ${why}`);
}
