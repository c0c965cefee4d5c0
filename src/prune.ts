import { type CacheEntry, cacheEntries, removeEntries, type Roots } from './cache/collect.js';
import { spendReserve } from './cache/reserve.js';
import { removeContainer } from './container/remove-container.js';
import { writtenSize } from './container-tree.js';
import { isUp } from './model/container.js';
import { imageHappening, pruned } from './model/engine-event.js';
import { BuildError } from './model/error.js';
import { type Filters, matchLabels } from './model/filters.js';
import { timeOrAgo } from './model/go-duration.js';
import { familiarName } from './model/reference.js';
import type { StoredImage } from './model/stored-image.js';
import { rootsOf } from './roots.js';
import type { Workshop } from './workshop.js';

export interface Pruned {
  /** What went, a line each, in docker's words. */
  readonly lines: readonly string[];
  readonly bytes: number;
}

/** What goes, or with `dryRun` only would go. */
export interface PruneOptions {
  readonly filters: Filters;
  readonly dryRun: boolean;
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
export async function pruneContainers(
  { filters, dryRun }: PruneOptions,
  workshop: Workshop,
): Promise<Pruned> {
  using _reserve = spendReserve(workshop.store.root);
  const { containers } = workshop;
  const goes = keeps(filters, workshop.now());
  const lines: string[] = [];
  let bytes = 0;
  for (const state of containers.list()) {
    if (isUp(state) || !goes(Date.parse(state.created), state.config.Labels)) continue;
    const size = writtenSize(state, workshop);
    try {
      if (!dryRun) await removeContainer(state.id, { force: false, volumes: false }, containers);
    } catch (error) {
      if (error instanceof BuildError) continue; // It was started meanwhile, or is gone.
      throw error;
    }
    bytes += size;
    lines.push(state.id);
  }
  if (!dryRun) workshop.tell(pruned('container', bytes));
  return { lines, bytes };
}

export interface ImagePruneOptions extends PruneOptions {
  /** Also those with a name. */
  readonly all: boolean;
  /** Ids of containers that do not count: they would be gone by then. */
  readonly without?: readonly string[];
}

export interface PrunedImages extends Pruned {
  /** What is needed of the store afterwards. */
  readonly roots: () => Roots;
  /** Ids of trees and blobs that go with them. */
  readonly freed: readonly string[];
}

/** Removes images no container uses: those without a name, with `all` the others too. */
export async function pruneImages(
  options: ImagePruneOptions,
  workshop: Workshop,
): Promise<PrunedImages> {
  const { store } = workshop;
  using _reserve = spendReserve(store.root);
  const going = unusedImages(options, workshop);
  const lines = going.flatMap(({ id, references }) => [
    ...references.map((reference) => `untagged: ${familiarName(reference)}`),
    `deleted: ${id}`,
  ]);
  const roots = (): Roots => rootsAfter(going, options, workshop);
  if (lines.length === 0) {
    if (!options.dryRun) workshop.tell(pruned('image', 0));
    return { lines, bytes: 0, roots, freed: [] };
  }
  const before = needed(workshop);
  if (options.dryRun) {
    const would = unneeded(before, roots(), workshop);
    return { lines, bytes: sumOf(would), roots, freed: would.map(({ id }) => id) };
  }
  for (const image of going) {
    const untagged = image.references.map(() => imageHappening('untag', image));
    for (const reference of image.references) store.images.untag(reference);
    store.images.forget(image.root.digest);
    workshop.tell(...untagged, imageHappening('delete', image));
  }
  const gone = await removeUnneeded(before, workshop);
  workshop.tell(pruned('image', sumOf(gone)));
  return { lines, bytes: sumOf(gone), roots, freed: gone.map(({ id }) => id) };
}

function unusedImages(
  { all, filters, without = [] }: ImagePruneOptions,
  workshop: Workshop,
): readonly StoredImage[] {
  const goes = keeps(filters, workshop.now());
  const named = all || (filters.get('dangling') ?? []).some((value) => /^(false|0)$/i.test(value));
  const states = workshop.containers.list().filter(({ id }) => !without.includes(id));
  const used = new Set(states.map(({ imageId }) => imageId));
  return workshop.store.images
    .list()
    .filter(
      ({ id, references, config }) =>
        !used.has(id) &&
        (named || references.length === 0) &&
        goes(Date.parse(config.created ?? ''), config.config?.Labels),
    );
}

function rootsAfter(
  going: readonly StoredImage[],
  { without = [] }: ImagePruneOptions,
  workshop: Workshop,
): Roots {
  const gone = new Set(going.map(({ root }) => root.digest));
  const manifests = workshop.store.images.refs().map(({ manifest }) => manifest);
  return rootsOf(
    workshop,
    manifests.filter(({ digest }) => !gone.has(digest)),
    workshop.containers.list().filter(({ id }) => !without.includes(id)),
  );
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
  using _reserve = spendReserve(workshop.store.root);
  return sumOf(await removeUnneeded(had, workshop));
}

function removeUnneeded(
  had: ReadonlySet<string>,
  workshop: Workshop,
): Promise<readonly CacheEntry[]> {
  const going = unneeded(had, rootsOf(workshop), workshop);
  return removeEntries(workshop.store, going, () => rootsOf(workshop));
}

function sumOf(entries: readonly CacheEntry[]): number {
  return entries.reduce((sum, { bytes }) => sum + bytes, 0);
}

function unneeded(had: ReadonlySet<string>, roots: Roots, { store }: Workshop) {
  return cacheEntries(store, roots).filter(({ id, recorded }) => had.has(id) && !recorded);
}
