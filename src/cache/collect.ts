import { randomBytes } from 'node:crypto';
import { lstatSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { hasCode } from '../model/has-code.js';
import { directorySize } from './directory-size.js';
import { claimedIds, collectorLock } from './lease.js';
import { lockFile } from './lock-file.js';
import { leadAgain } from './lead-again.js';
import { namesIn } from './names-in.js';
import { readIfThere } from './read-if-there.js';
import { removeTree } from './remove-tree.js';
import type { Store } from './store.js';
import { readMeta } from './tree-meta.js';
import { treeUses } from './tree-uses.js';

/** What images and containers need: nothing of it is ever garbage. */
export interface Roots {
  /** Ids of trees. */
  readonly trees: ReadonlySet<string>;
  /** sha256 hex of blobs. */
  readonly blobs: ReadonlySet<string>;
}

/** One thing that only the cache has. */
export interface CacheEntry {
  readonly kind: 'tree' | 'blob';
  /** A tree's id, or a blob's sha256 hex. */
  readonly id: string;
  readonly bytes: number;
  /** Milliseconds since the epoch. */
  readonly created: number;
  readonly used: number;
  /** Builds that had it. */
  readonly uses: number;
  /** The step that made it, where a record says so. */
  readonly description: string;
  /** A record of a step names it: a build may begin from it again. */
  readonly recorded: boolean;
  /** A process that runs claims it. */
  readonly inUse: boolean;
}

/** What of the store neither an image nor a container needs, least recently used first. */
export function cacheEntries(store: Store, roots: Roots): readonly CacheEntry[] {
  const uses = treeUses(store.path('records'));
  const claimed = claimedIds(store.path('leases'));
  const trees = namesIn(store.path('trees'))
    .filter((id) => /^[0-9a-f]{32}$/.test(id) && !roots.trees.has(id))
    .map((id) => treeFacts(store, id));
  const blobs = namesIn(store.path('blobs/sha256'))
    .filter((hex) => /^[0-9a-f]{64}$/.test(hex) && !roots.blobs.has(hex))
    .map((hex) => blobFacts(store, hex));
  return [...trees, ...blobs]
    .filter((facts) => facts !== undefined)
    .map((facts): CacheEntry => {
      const use = uses.get(facts.id);
      return {
        ...facts,
        used: Math.max(facts.created, use?.last ?? 0),
        uses: use?.count ?? 1,
        description: use?.description ?? '',
        recorded: use !== undefined,
        inUse: claimed.has(facts.id),
      };
    })
    .sort((a, b) => a.used - b.used);
}

type Facts = Pick<CacheEntry, 'kind' | 'id' | 'bytes' | 'created'>;

/** What images and containers need has on disk. */
export function rootBytes(store: Store, { trees, blobs }: Roots): number {
  const entries = [
    ...[...trees].map((id) => treeFacts(store, id)),
    ...[...blobs].map((hex) => blobFacts(store, hex)),
  ];
  return entries.reduce((sum, entry) => sum + (entry?.bytes ?? 0), 0);
}

function treeFacts(store: Store, id: string): Facts | undefined {
  const home = store.path('trees', id);
  const meta = lstatSync(join(home, 'meta.json'), { throwIfNoEntry: false });
  const created = meta?.mtimeMs ?? lstatSync(home, { throwIfNoEntry: false })?.mtimeMs;
  if (created === undefined) return undefined;
  return { kind: 'tree', id, bytes: treeBytes(home), created };
}

/** As it was measured when it was made; of one that was never finished, as it is. */
function treeBytes(home: string): number {
  return readMeta(readIfThere(join(home, 'meta.json')) ?? '')?.fileBytes ?? directorySize(home);
}

function blobFacts(store: Store, hex: string): Facts | undefined {
  const stat = lstatSync(store.path('blobs/sha256', hex), { throwIfNoEntry: false });
  if (stat === undefined) return undefined;
  return { kind: 'blob', id: hex, bytes: stat.size, created: stat.mtimeMs };
}

/**
 * Removes entries of the cache, and gives those that are gone: what nobody claims or needs by now is taken out of sight
 * under the collector's lock. Who uses something claims it, waits for a collector that is at work, then looks whether it
 * is there: either its claim is seen here, or it finds nothing there, a miss. Claims are read before roots, for who lets
 * go has written its name by then. Killed in between, what was out of sight is a miss of the cache and is swept.
 */
export async function removeEntries(
  store: Store,
  entries: readonly CacheEntry[],
  roots: () => Roots,
): Promise<readonly CacheEntry[]> {
  const lease = await store.lease();
  const aside = join(lease.dir, `collected-${randomBytes(4).toString('hex')}`);
  mkdirSync(aside, { mode: 0o700 });
  const gone = await takeAside(store, entries, { roots, aside });
  removeTree(aside, () => false);
  return gone;
}

async function takeAside(
  store: Store,
  entries: readonly CacheEntry[],
  { roots, aside }: { readonly roots: () => Roots; readonly aside: string },
): Promise<readonly CacheEntry[]> {
  const { signal } = new AbortController();
  await using _turn = await lockFile(collectorLock(store.path('locks')), signal, () => undefined);
  const claimed = claimedIds(store.path('leases'));
  const needed = roots();
  const gone = entries.filter(
    ({ kind, id }) =>
      !claimed.has(id) &&
      !(kind === 'tree' ? needed.trees : needed.blobs).has(id) &&
      move(placeOf(store, { kind, id }), join(aside, id)),
  );
  leadAgain(
    store,
    aside,
    gone.filter(({ kind }) => kind === 'tree').map(({ id }) => id),
  );
  return gone;
}

function placeOf(store: Store, { kind, id }: Pick<CacheEntry, 'kind' | 'id'>): string {
  return kind === 'tree' ? store.path('trees', id) : store.path('blobs/sha256', id);
}

function move(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false; // Another was first.
    throw error;
  }
}
