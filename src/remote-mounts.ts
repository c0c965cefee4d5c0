import { readdirSync } from 'node:fs';
import { cacheMountKey, type CacheMountRequest } from './cache/cache-mounts.js';
import { cacheMountsOf } from './check-mount-ids.js';
import { internalVertex } from './internal-vertex.js';
import { BuildError } from './model/error.js';
import type { BuildPlan } from './model/graph.js';
import type { Descriptor } from './model/oci.js';
import type { Scope } from './model/scope.js';
import { warningOf } from './model/warning-of.js';
import type { LoadedCache } from './remote-cache/imports.js';
import type { CacheBackend, CacheDocument, WritableCacheBackend } from './remote-cache/backend.js';
import { exportMounts } from './travel/export-mounts.js';
import { importMounts } from './travel/import-mounts.js';
import type { MountIndex } from './travel/mount-index.js';
import {
  blobsOf,
  EMPTY_CONFIG,
  isMountIndex,
  manifestOf,
  one,
  readExport,
} from './travel/mount-manifest.js';
import type { Place, WritablePlace } from './travel/place.js';
import type { Workshop } from './workshop.js';

/*
 * Cache mounts in a cache of steps: their index and packs are blobs of its document, beside the layers. The index is
 * told by its media type, so nothing else of a cache changes, and BuildKit passes over it.
 */

/** A cache's document as an export of mounts. */
function placeOf(backend: CacheBackend, document: CacheDocument | undefined): Place {
  const index = document?.blobs.find(isMountIndex);
  return {
    name: backend.name,
    manifest: () => Promise.resolve(index && manifestOf(index, [])),
    has: () => Promise.resolve(false),
    open: (blob, scope) => backend.blob(blob, scope),
  };
}

/** Which mounts of a build leave: `all`, or ids. */
export interface OutgoingMounts {
  readonly ids: readonly string[];
  readonly plans: readonly BuildPlan[];
}

/**
 * Puts cache mounts of a build's steps into a cache; gives the blobs its document is to name. What is there and not here
 * stays: a build whose steps were cached never had it.
 */
export async function exportMountsTo(
  backend: WritableCacheBackend,
  { ids, plans }: OutgoingMounts,
  { store }: Workshop,
  scope: Scope,
): Promise<readonly Descriptor[]> {
  const wanted = cacheMountsOf(plans).filter(({ id }) => ids.includes('all') || ids.includes(id));
  const names = new Set(wanted.map(({ namespace, id }) => JSON.stringify([namespace, id])));
  const keys = store.mounts
    .list()
    .filter(({ namespace, id }) => names.has(JSON.stringify([namespace, id])))
    .map(({ key }) => key);
  let published: readonly Descriptor[] = [];
  const place: WritablePlace = {
    ...placeOf(backend, await backend.read(scope)),
    has: (blob, inner) => backend.has(blob, inner),
    put: async (bytes, blob, inner) => {
      if (blob.digest === EMPTY_CONFIG.blob.digest || (await backend.has(blob, inner))) return;
      await backend.put(blob, () => one(bytes), inner);
    },
    publish: (manifest) => {
      published = blobsOf(manifest) ?? [];
      return Promise.resolve();
    },
  };
  const input = { mounts: store.mounts, keys, keepOthers: true, onWait: () => undefined };
  const { mounts } = await exportMounts(input, place, scope);
  if (mounts.length === 0) return [];
  return published.filter(({ digest }) => digest !== EMPTY_CONFIG.blob.digest);
}

/**
 * Brings a mount that a step is about to use and this machine lacks, or has only empty, from the first cache that has
 * it. A cache that fails is a warning, and the step begins with an empty mount, unless it is required.
 */
export function mountBringer(
  sources: readonly LoadedCache[],
  workshop: Workshop,
  build: Scope,
): (request: CacheMountRequest) => Promise<void> {
  const having = sources.filter(({ document }) => document.blobs.some(isMountIndex));
  const indexes = new Map<LoadedCache, Promise<MountIndex | undefined>>();
  const indexOf = (source: LoadedCache): Promise<MountIndex | undefined> => {
    const { backend, document } = source;
    const known = indexes.get(source) ?? readExport(placeOf(backend, document), build);
    indexes.set(source, known);
    return known;
  };
  const bringFrom = async (source: LoadedCache, key: string): Promise<boolean> => {
    try {
      const index = await indexOf(source);
      const mount = index?.mounts.find((each) => each.key === key);
      if (index === undefined || mount === undefined) return false;
      const title = `importing cache mount ${mount.id} from ${source.backend.name}`;
      await internalVertex(title, build, (scope) => bring(source, { index, key }, workshop, scope));
      return true;
    } catch (error) {
      if (!(error instanceof BuildError) || source.options.required === true) throw error;
      build.emit(warningOf(`a cache mount of ${source.backend.name} is not used`, error));
      return false;
    }
  };
  const asked = new Map<string, Promise<void>>();
  const once = async (key: string): Promise<void> => {
    for (const source of having) if (await bringFrom(source, key)) return;
  };
  return async (request) => {
    const key = cacheMountKey(request);
    if (having.length === 0 || request.fresh !== undefined || !lacks(key, workshop)) return;
    const running = asked.get(key) ?? once(key);
    asked.set(key, running);
    await running;
  };
}

async function bring(
  { backend, document }: LoadedCache,
  { index, key }: { readonly index: MountIndex; readonly key: string },
  workshop: Workshop,
  scope: Scope,
): Promise<void> {
  const { store } = workshop;
  await importMounts(
    index,
    placeOf(backend, document),
    {
      mounts: store.mounts,
      temporary: async () => (await store.lease()).dir,
      wanted: (mount) => mount.key === key,
      keeps: () => !lacks(key, workshop),
      onWait: () => undefined,
    },
    scope,
  );
}

function lacks(key: string, { store }: Workshop): boolean {
  const here = store.mounts.list().some((each) => each.key === key);
  return !here || readdirSync(store.path('mounts', key, 'fs')).length === 0;
}
