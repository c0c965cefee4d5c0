import type { Store } from '../cache/store.js';
import { verified } from '../cache/receive.js';
import { type ExportedLayer, exportedLayer, knownCompressed } from '../exporter/layer-source.js';
import type { CacheExportSettings } from '../model/cache-options.js';
import type { DiffID } from '../model/digest.js';
import { type Descriptor, MediaType } from '../model/oci.js';
import type { Scope } from '../model/scope.js';
import type { BlobSource, Bytes } from '../model/stores.js';
import type { WritableCacheBackend } from './backend.js';
import type { CachedLayer } from './cache-contents.js';
import { type BaseDocuments, packBases } from './carried-bases.js';
import type { CollectedStep, StepLayer } from './collect.js';
import type { CacheImports } from './imports.js';
import { keptOfOthers } from './kept-of-others.js';
import { type ExplainedStep, packReasons } from './reasons.js';
import { cacheConfig } from './write-config.js';

export interface ExportedSteps {
  readonly steps: readonly CollectedStep[];
  readonly reasons: readonly ExplainedStep[];
  /** Base images that no registry has. */
  readonly bases: readonly OutgoingBase[];
  readonly imports: CacheImports | undefined;
  readonly store: Store;
  /** Where a base image's layer comes from that is not in the store. */
  readonly fetchBase: BlobSource;
  /** Of what the export does, one line. */
  readonly say: (line: string) => void;
  /** What stays of the cache as it was, though this export does not bring it. */
  readonly keeps: (blob: Descriptor) => boolean;
  /** Brings what else is in the cache; gives what its document is to name of that. */
  readonly more?: ((scope: Scope) => Promise<readonly Descriptor[]>) | undefined;
}

export interface OutgoingBase extends BaseDocuments {
  readonly layers: readonly StepLayer[];
}

export interface ExportSummary {
  readonly steps: number;
  readonly layers: number;
  /** Layers that were not there, and their bytes. */
  readonly uploaded: number;
  readonly bytes: number;
}

/** Uploads of one export at once. */
const PARALLEL = 6;

/** Brings what a cache lacks, then the document that names it all: a reader sees the old cache or the new. */
export async function exportCache(
  input: ExportedSteps,
  { backend, settings }: { backend: WritableCacheBackend; settings: CacheExportSettings },
  scope: Scope,
): Promise<ExportSummary> {
  await using _lock = await backend.lock?.(scope);
  const outgoing = new Outgoing(input, backend, settings);
  const blobs = await outgoing.bring(scope);
  const steps = input.steps.map((step) => ({
    ...step,
    layers: step.layers.map((layer): CachedLayer => {
      const { diffID, created, content } = layer;
      const blob = blobs.get(diffID) ?? layer.blob;
      const known = content === undefined ? {} : { content };
      return { diffID, created, blob, held: layer.at !== 'base', ...known };
    }),
  }));
  const config = Buffer.from(JSON.stringify(cacheConfig(steps)));
  const ownBases = input.bases.map((base) => {
    const layers = base.layers.map((layer) => blobs.get(layer.diffID) ?? layer.blob);
    return { ...base, layers };
  });
  const { say, keeps } = input;
  const { bases, blobs: others } = await keptOfOthers(ownBases, { backend, say, keeps }, scope);
  const notes = [packReasons(input.reasons), ...(bases.length === 0 ? [] : [packBases(bases)])];
  for (const { blob, bytes } of notes)
    if (!(await backend.has(blob, scope))) await backend.put(blob, () => once(bytes), scope);
  const more = (await input.more?.(scope)) ?? [];
  const held = new Map(others.map((blob) => [blob.digest, blob]));
  for (const { diffID, created } of [...input.steps, ...input.bases].flatMap(
    ({ layers }) => layers,
  )) {
    const blob = blobs.get(diffID);
    if (blob !== undefined) held.set(blob.digest, annotated({ blob, diffID, created }));
  }
  const own = notes.map(({ blob }) => blob);
  await backend.write({ config, blobs: [...held.values(), ...own, ...more] }, scope);
  return { ...outgoing.summary(), steps: steps.length, layers: blobs.size };
}

// eslint-disable-next-line @typescript-eslint/require-await -- pulled like every other source of bytes
async function* once(bytes: Uint8Array): Bytes {
  yield bytes;
}

/** What BuildKit asks of a layer in a manifest of a cache. */
function annotated({ blob, diffID, created }: Omit<CachedLayer, 'held'>): Descriptor {
  const { mediaType, digest, size } = blob;
  const annotations = { 'buildkit/createdat': created, 'containerd.io/uncompressed': diffID };
  return { mediaType, digest, size, annotations };
}

class Outgoing {
  readonly #input: ExportedSteps;
  readonly #backend: WritableCacheBackend;
  readonly #settings: CacheExportSettings;
  #uploaded = 0;
  #bytes = 0;

  constructor(input: ExportedSteps, backend: WritableCacheBackend, settings: CacheExportSettings) {
    this.#input = input;
    this.#backend = backend;
    this.#settings = settings;
  }

  summary(): Pick<ExportSummary, 'uploaded' | 'bytes'> {
    return { uploaded: this.#uploaded, bytes: this.#bytes };
  }

  /** Each layer once, several at a time. The first failure ends the rest. */
  async bring(scope: Scope): Promise<ReadonlyMap<DiffID, Descriptor>> {
    const { steps, bases } = this.#input;
    const all = [...steps, ...bases].flatMap(({ layers }) => layers);
    const own = all.filter(({ at }) => at !== 'base').map((each) => [each.diffID, each] as const);
    const waiting = [...new Map(own).values()];
    const found = new Map<DiffID, Descriptor>();
    const controller = new AbortController();
    const signal = AbortSignal.any([scope.signal, controller.signal]);
    const work = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        signal.throwIfAborted();
        found.set(next.diffID, await this.#bringOne(next, { ...scope, signal }));
      }
    };
    try {
      await Promise.all(Array.from({ length: PARALLEL }, work));
    } catch (error) {
      controller.abort(error);
      throw error;
    }
    return found;
  }

  async #bringOne(layer: StepLayer, scope: Scope): Promise<Descriptor> {
    const expected = await this.#expected(layer);
    // Asked before anything is packed or downloaded for nothing.
    if (expected !== undefined && (await this.#backend.has(expected, scope))) return expected;
    if (expected !== undefined && (await this.#borrowed(expected, scope))) return expected;
    const { descriptor, bytes } = await this.#packed(layer, scope);
    const isNews = descriptor.digest !== expected?.digest;
    if (isNews && (await this.#backend.has(descriptor, scope))) return descriptor;
    await this.#backend.put(descriptor, bytes, scope);
    this.#uploaded++;
    this.#bytes += descriptor.size;
    return descriptor;
  }

  /** From another cache of the same registry. */
  async #borrowed(blob: Descriptor, scope: Scope): Promise<boolean> {
    const from = this.#input.imports?.holder(blob.digest);
    return from !== undefined && (await this.#backend.borrow?.(blob, from, scope)) === true;
  }

  async #packed(layer: StepLayer, scope: Scope): Promise<ExportedLayer> {
    const { compression, compressionLevel: level, forceCompression: force } = this.#settings;
    const { blob, diffID, at } = layer;
    const { blobs } = this.#input.store;
    const fetch = this.#source(layer);
    const isHere = at === 'store' || blobs.claim(blob.digest);
    if (at !== 'store' && force !== true) {
      const bytes = (): Bytes => (isHere ? blobs.open(blob, scope) : fetch(blob, scope));
      return { descriptor: blob, bytes };
    }
    if (!isHere) await blobs.put(fetch(blob, scope), blob, scope);
    const form = { compression, level, force };
    return exportedLayer(blob, { diffID, form }, { store: this.#input.store, fetch }, scope);
  }

  /** What the layer will be, where that is known without work. */
  #expected({ blob, diffID, at }: StepLayer): Promise<Descriptor | undefined> {
    const { compression = 'gzip', compressionLevel: level, forceCompression } = this.#settings;
    if (at !== 'store' && forceCompression !== true) return Promise.resolve(blob);
    const isPlain = blob.mediaType === MediaType.ociLayer;
    if (compression === 'uncompressed') return Promise.resolve(isPlain ? blob : undefined);
    return knownCompressed({ diffID, compression, level }, this.#input.store);
  }

  #source({ at }: StepLayer): BlobSource {
    if (at === 'carried') return this.#input.fetchBase;
    const backend = typeof at === 'number' ? this.#input.imports?.backend(at) : undefined;
    return (blob, scope) => {
      if (backend === undefined) throw new Error('a layer of the store without its tree');
      return verified(backend.blob(blob, scope), blob, scope);
    };
  }
}
