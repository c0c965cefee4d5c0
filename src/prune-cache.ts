import { statfsSync } from 'node:fs';
import { cacheEntries, removeEntries, type Roots } from './cache/collect.js';
import { directorySize } from './cache/directory-size.js';
import { lockFile } from './cache/lock-file.js';
import { partialBlobs, type PartialPlaces, removePartial } from './cache/partial-blobs.js';
import { pruneRecords } from './cache/prune-records.js';
import { spendReserve } from './cache/reserve.js';
import { pruned } from './model/engine-event.js';
import { type CacheFacts, cacheFilter } from './model/cache-filter.js';
import { type CacheBudget, keepBytes } from './model/keep-bytes.js';
import { since } from './model/since.js';
import type { Pruned } from './prune.js';
import { rootsOf } from './roots.js';
import type { Workshop } from './workshop.js';

export interface CachePruneOptions {
  /** As BuildKit writes them; all must hold. */
  readonly filters: readonly string[];
  readonly budget: CacheBudget;
  /** Also the history of builds and the memory of why steps ran and what servers said, however young. */
  readonly all: boolean;
  readonly dryRun: boolean;
  /** What is needed, where that is not what images and containers have now. */
  readonly roots?: () => Roots;
  /** Ids of what was counted already. */
  readonly without?: readonly string[];
}

type Item = CacheFacts & {
  readonly bytes: number;
  readonly kind: 'tree' | 'blob' | 'mount' | 'build' | 'partial';
  readonly created: number;
};

const MEMORY_MS = 30 * 24 * 3_600_000;
const never = new AbortController().signal;

/**
 * Removes what builds keep to be faster, the longest unused first; nothing that an image or a container has, nor what a
 * process that runs claims. Throws BuildError `usage` on a filter that is none.
 */
export async function pruneCache(options: CachePruneOptions, workshop: Workshop): Promise<Pruned> {
  const { dryRun, all, roots = () => rootsOf(workshop) } = options;
  const { store } = workshop;
  const now = workshop.now();
  const goes = cacheFilter(options.filters, now);
  using _reserve = spendReserve(store.root);
  await using _turn = await lockFile(store.path('locks/prune'), never, () => undefined);
  const without = new Set(options.without);
  const history = all ? buildItems(workshop) : [];
  const items = [...itemsOf(roots(), workshop), ...history]
    .filter(({ id }) => !without.has(id))
    .map((item) => ({ ...item, used: now - since(item.used, now) }))
    .sort((a, b) => a.used - b.used);
  const going = beyond(items, options.budget, store.root).filter(
    (item) => !item.inUse && goes(item),
  );
  const oldest = all ? Infinity : now - MEMORY_MS;
  const forgets = (last: number): boolean => {
    const used = now - since(last, now);
    return (
      used <= oldest && goes({ id: '', type: 'internal', description: '', used, inUse: false })
    );
  };
  if (dryRun) {
    const pretend = new Set([...without, ...going.map(({ id }) => id)]);
    return summary(going, await pruneRecords(store, { forgets, pretend }));
  }
  const entries = cacheEntries(store, roots()).filter(({ id }) =>
    going.some((item) => item.id === id),
  );
  const gone = new Set((await removeEntries(store, entries, roots)).map(({ id }) => id));
  for (const { kind, id } of going) {
    if (kind === 'mount' && store.mounts.remove(id)) gone.add(id);
    if (kind === 'build' && store.builds.remove(id)) gone.add(id);
    if (kind === 'partial' && removePartial(partialPlaces(workshop), id)) gone.add(id);
  }
  store.builds.prune(workshop.now());
  const bytes = await pruneRecords(store, { forgets });
  const done = summary(
    going.filter(({ id }) => gone.has(id)),
    bytes,
  );
  workshop.tell(pruned('builder', done.bytes));
  return done;
}

function summary(items: readonly Item[], more: number): Pruned {
  return {
    lines: items.map(({ id }) => id),
    bytes: items.reduce((sum, { bytes }) => sum + bytes, more),
  };
}

function buildItems({ store }: Workshop): readonly Item[] {
  return store.builds.sizes().map(({ id, bytes, used }): Item => ({
    ...{ kind: 'build', id, type: 'internal', bytes, created: used, used },
    ...{ description: `history of build ${id}`, inUse: store.builds.isRunning(id) },
  }));
}

function itemsOf(roots: Roots, workshop: Workshop): readonly Item[] {
  const { store } = workshop;
  const entries = cacheEntries(store, roots).map((entry): Item => ({ ...entry, type: 'regular' }));
  const mounts = store.mounts.list().map(({ key, id, created, lastUsed }): Item => ({
    kind: 'mount',
    id: key,
    type: 'exec.cachemount',
    description: `cache mount ${id}`,
    bytes: directorySize(store.path('mounts', key, 'fs')),
    created: Date.parse(created),
    used: Date.parse(lastUsed),
    inUse: store.mounts.isInUse(key),
  }));
  const partial = partialBlobs(partialPlaces(workshop)).map(({ hex, ...part }): Item => ({
    ...{ kind: 'partial', id: hex, type: 'internal', created: part.used },
    ...{ description: `part of blob ${hex}`, ...part },
  }));
  return [...entries, ...mounts, ...partial];
}

function partialPlaces({ store }: Workshop): PartialPlaces {
  return { partial: store.path('partial'), locks: store.path('locks') };
}

/** The oldest, until no more are left than the budget says. */
function beyond(items: readonly Item[], budget: CacheBudget, root: string): readonly Item[] {
  let left = items.reduce((sum, { bytes }) => sum + bytes, 0);
  const { bavail, bsize } = statfsSync(root);
  const keep = keepBytes(budget, left, bavail * bsize);
  return items.filter(({ bytes }) => {
    const goes = left > keep || keep === 0;
    if (goes) left -= bytes;
    return goes;
  });
}
