import {
  type CacheEntry,
  cacheEntries,
  othersAtWork,
  recordedTrees,
  removeEntries,
} from './cache/collect.js';
import { directorySize } from './cache/directory-size.js';
import { removeContainer } from './container/remove-container.js';
import { isUp } from './model/container.js';
import { BuildError } from './model/error.js';
import { type Filters, matchLabels } from './model/filters.js';
import { timeOrAgo } from './model/go-duration.js';
import { familiarName } from './model/reference.js';
import { rootsOf } from './roots.js';
import type { Workshop } from './workshop.js';

export interface Pruned {
  /** What went, a line each, in docker's words. */
  readonly lines: readonly string[];
  readonly bytes: number;
  /** Another process works in the store: the cache it may use was left alone. */
  readonly busy?: boolean;
}

/** docker's filters of what is pruned: older than `until`, with or without labels. Throws BuildError `usage`. */
function keeps(filters: Filters, now: number) {
  const given = filters.get('until');
  if (given !== undefined && given.length > 1)
    throw new BuildError('usage', 'more than one until filter specified');
  const until = given === undefined ? Infinity : timeOrAgo(given[0] ?? '', now);
  if (until === undefined) {
    throw new BuildError('usage', `invalid filter 'until=${given?.[0] ?? ''}'`, {
      hint: 'a time such as 2026-01-02T15:04:05Z, or how long ago, such as 24h',
    });
  }
  const without = filters.get('label!') ?? [];
  return (created: number, labels: Readonly<Record<string, string>> | undefined): boolean =>
    created <= until &&
    matchLabels(filters.get('label') ?? [], labels) &&
    (without.length === 0 || !matchLabels(without, labels));
}

/** Removes containers that do not run. */
export async function pruneContainers(filters: Filters, workshop: Workshop): Promise<Pruned> {
  const { containers } = workshop;
  const goes = keeps(filters, workshop.now());
  const lines: string[] = [];
  let bytes = 0;
  for (const state of containers.list()) {
    if (isUp(state) || !goes(Date.parse(state.created), state.config.Labels)) continue;
    const size = directorySize(containers.path(state.id, 'upper'));
    try {
      await removeContainer(state.id, { force: false, volumes: false }, containers);
    } catch (error) {
      if (error instanceof BuildError) continue; // It was started meanwhile, or is gone.
      throw error;
    }
    bytes += size;
    lines.push(state.id);
  }
  return { lines, bytes };
}

/** Removes images no container uses: those without a name, with `all` the others too. */
export async function pruneImages(
  all: boolean,
  filters: Filters,
  workshop: Workshop,
): Promise<Pruned> {
  const { store, containers } = workshop;
  const goes = keeps(filters, workshop.now());
  const used = new Set(containers.list().map(({ imageId }) => imageId));
  const lines: string[] = [];
  const before = needed(workshop);
  for (const image of store.images.list()) {
    if (used.has(image.id) || (!all && image.references.length > 0)) continue;
    if (!goes(Date.parse(image.config.created ?? ''), image.config.config?.Labels)) continue;
    for (const reference of image.references) {
      store.images.untag(reference);
      lines.push(`untagged: ${familiarName(reference)}`);
    }
    store.images.forget(image.root.digest);
    lines.push(`deleted: ${image.id}`);
  }
  if (lines.length === 0) return { lines, bytes: 0 };
  return { lines, bytes: await collectImages(before, workshop) };
}

/** What images and containers need now, before some of them go. */
export function needed(workshop: Workshop): ReadonlySet<string> {
  const { trees, blobs } = rootsOf(workshop);
  return new Set([...trees, ...blobs]);
}

/**
 * Frees what removed images had and nobody needs: their blobs and unpacked layers. What builds made stays: it is their
 * cache, and `builder prune` removes it.
 */
export async function collectImages(had: ReadonlySet<string>, workshop: Workshop): Promise<number> {
  const { store } = workshop;
  const recorded = recordedTrees(store);
  const going = cacheEntries(store, rootsOf(workshop)).filter(
    ({ id }) => had.has(id) && !recorded.has(id),
  );
  const gone = await removeEntries(store, going, () => rootsOf(workshop));
  return gone.reduce((sum, { bytes }) => sum + bytes, 0);
}

export interface CachePruneOptions {
  readonly filters: Filters;
  /** Bytes of cache to keep: what was used last. */
  readonly keepBytes: number;
}

/** Removes what builds keep to be faster, the longest unused first; nothing an image or a container has. */
export async function pruneCache(
  { filters, keepBytes }: CachePruneOptions,
  workshop: Workshop,
): Promise<Pruned> {
  const { store } = workshop;
  const lease = await store.lease();
  // What it may use has no other mark than its lease.
  if (othersAtWork(store, lease.id)) return { lines: [], bytes: 0, busy: true };
  const goes = keeps(filters, workshop.now());
  const entries = cacheEntries(store, rootsOf(workshop));
  const going = beyond(entries, keepBytes).filter(({ used }) => goes(used, undefined));
  const gone = await removeEntries(store, going, () => rootsOf(workshop));
  const mounts = pruneMounts(keepBytes, goes, workshop);
  return {
    lines: [...gone.map(({ id }) => id), ...mounts.lines],
    bytes: gone.reduce((sum, { bytes }) => sum + bytes, mounts.bytes),
  };
}

/** The oldest, until no more than `keepBytes` are left. */
function beyond(entries: readonly CacheEntry[], keepBytes: number): readonly CacheEntry[] {
  let left = entries.reduce((sum, { bytes }) => sum + bytes, 0);
  return entries.filter(({ bytes }) => {
    const goes = left > keepBytes;
    if (goes) left -= bytes;
    return goes;
  });
}

/** The directories of RUN --mount=type=cache; one in use stays. */
function pruneMounts(
  keepBytes: number,
  goes: (used: number, labels: undefined) => boolean,
  { store }: Workshop,
): Pruned {
  const lines: string[] = [];
  let bytes = 0;
  for (const { key, lastUsed } of keepBytes > 0 ? [] : store.mounts.list()) {
    if (!goes(Date.parse(lastUsed), undefined)) continue;
    const size = directorySize(store.path('mounts', key, 'fs'));
    if (!store.mounts.remove(key)) continue;
    lines.push(key);
    bytes += size;
  }
  return { lines, bytes };
}
