import type { BaseLayer } from './base-layers.js';
import { internalVertex } from './internal-vertex.js';
import type { CacheFrom } from './model/cache-options.js';
import type { Digest, DiffID } from './model/digest.js';
import { BuildError } from './model/error.js';
import type { Scope } from './model/scope.js';
import type { BlobSource, Layer, LayerMeta, Snapshot } from './model/stores.js';
import { warningOf } from './model/warning-of.js';
import { registrySettings } from './registry-settings.js';
import type { CacheBackend } from './remote-cache/backend.js';
import type { CachedLayer } from './remote-cache/cache-contents.js';
import { CacheFailure } from './remote-cache/failure.js';
import { type CacheImports, cacheImports, loadCache } from './remote-cache/imports.js';
import { openCacheFrom } from './remote-cache/open-backend.js';
import type { Workshop } from './workshop.js';
import { steadyTime } from './model/steady-time.js';

/**
 * Asks the caches of `--cache-from` what they have, side by side; no layer is touched. One that cannot be read is a
 * warning, unless it is required. Undefined when there is nothing to look in.
 */
export async function openImports(
  from: readonly CacheFrom[],
  workshop: Workshop,
  scope: Scope,
): Promise<CacheImports | undefined> {
  const settings = registrySettings(workshop);
  const each = [...new Map(from.map((one) => [JSON.stringify(one), one])).values()];
  const loaded = await Promise.all(
    each.map(async (options) => {
      const backend = openCacheFrom(options, settings);
      return internalVertex(`importing cache manifest from ${backend.name}`, scope, (inner) =>
        read({ options, backend }, inner),
      );
    }),
  );
  const there = loaded.filter((cache) => cache !== undefined);
  return there.length === 0 ? undefined : cacheImports(there);
}

async function read(
  cache: { readonly options: CacheFrom; readonly backend: CacheBackend },
  scope: Scope & { readonly vertex: Digest },
): ReturnType<typeof loadCache> {
  const { vertex } = scope;
  const say = (line: string): void => {
    const data = Buffer.from(`${line}\n`);
    scope.emit({ type: 'log', vertex, stream: 'stderr', data, time: steadyTime() });
  };
  try {
    return await loadCache(cache, scope, say);
  } catch (error) {
    if (!(error instanceof BuildError) || cache.options.required === true) throw error;
    scope.emit({ ...warningOf(`the cache ${cache.backend.name} is not used`, error), vertex });
    return undefined;
  }
}

interface Importing {
  readonly imports: CacheImports;
  readonly bases: ReadonlyMap<DiffID, BaseLayer>;
  /** Where layers of an image come from. */
  readonly baseSource: (reference: string) => BlobSource;
  /** Of a step that is known by their content. */
  readonly inputs?: readonly Snapshot[] | undefined;
}

/**
 * A step of another machine: its layers are downloaded and unpacked when something reads them. Steps above it are looked
 * for by what the cache says that they hold.
 */
export async function loadImported(
  stored: string,
  { imports, bases, baseSource, inputs: [below] = [] }: Importing,
  workshop: Workshop,
): Promise<Snapshot | undefined> {
  const found = imports.open(stored);
  if (found === undefined) return undefined;
  const { cache } = found;
  const { snapshots } = workshop.store;
  const source = cacheSource(imports.backend(cache), workshop);
  const open = async (layer: CachedLayer): Promise<Layer | undefined> => {
    const { blob, diffID, held, created } = layer;
    const base = bases.get(diffID);
    if (base !== undefined)
      return snapshots.fromBlob(base.blob, diffID, baseSource(base.reference));
    if (!held) return storedLayer(layer, workshop);
    const lazy = await snapshots.fromBlob(blob, diffID, source, created || undefined);
    return failingAs(lazy, cache);
  };
  const layers = await Promise.all(
    found.layers.map(async (layer, i): Promise<Layer | undefined> => {
      // It holds the same, and is here: the other machine's may be layers of a base that nobody else has.
      const own = below?.layers[i];
      if (own !== undefined) return own;
      const opened = await open(layer);
      return opened && promised(opened, layer, cache);
    }),
  );
  const there = layers.filter((layer) => layer !== undefined);
  return there.length === layers.length ? snapshots.snapshot(there) : undefined;
}

async function storedLayer(
  { diffID }: CachedLayer,
  { store }: Workshop,
): Promise<Layer | undefined> {
  const tree = await store.treeOf(diffID);
  return tree?.epoch === undefined ? tree?.layer : undefined;
}

/** Into the store first, where size and digest are checked. */
export function cacheSource(backend: CacheBackend, { store }: Workshop): BlobSource {
  return async function* (blob, scope) {
    if (!store.blobs.claim(blob.digest))
      await store.blobs.put(backend.blob(blob, scope), blob, scope);
    yield* store.blobs.open(blob, scope);
  };
}

/** What goes wrong with it is its cache's fault: the build can be done without. */
function failingAs(layer: Layer, cache: number): Layer {
  const told = (error: unknown): never => {
    const ours = error instanceof BuildError && error.code !== 'no-space' && error.code !== 'store';
    throw ours ? new CacheFailure(cache, error) : error;
  };
  return around(layer, {
    ensure: (scope) => layer.ensure(scope).catch(told),
    meta: (scope) => layer.meta(scope).catch(told),
    content: (scope) => layer.content(scope).catch(told),
  });
}

/** What a cache says that a layer holds is believed until the layer is here; one that holds something else breaks it. */
function promised(layer: Layer, { content, diffID }: CachedLayer, cache: number): Layer {
  if (content === undefined || layer.isHere) return layer;
  let believed = false;
  const meta = async (scope: Scope): Promise<LayerMeta> => {
    const found = await layer.meta(scope);
    if (!believed || found.content === content) return found;
    const message = `layer ${diffID} does not hold what the cache says: ${found.content}, expected ${content}`;
    throw new CacheFailure(cache, new BuildError('integrity', message));
  };
  return around(layer, {
    ensure: async (scope) => {
      await meta(scope);
    },
    meta,
    content: async (scope) => {
      if (layer.isHere) return (await meta(scope)).content;
      believed = true;
      return content;
    },
  });
}

/** The same layer, asked in another way. */
function around(layer: Layer, asked: Pick<Layer, 'ensure' | 'meta' | 'content'>): Layer {
  return {
    get isHere() {
      return layer.isHere;
    },
    diffID: layer.diffID,
    get id() {
      return layer.id;
    },
    get path() {
      return layer.path;
    },
    ...asked,
  };
}
