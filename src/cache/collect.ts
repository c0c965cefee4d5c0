import {
  closeSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { hasCode } from '../model/has-code.js';
import { sys } from '../sys/sys.js';
import { directorySize } from './directory-size.js';
import { readRecord } from './record-file.js';
import { removeTree } from './remove-tree.js';
import type { Store } from './store.js';

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
  readonly used: number;
}

/** What of the store neither an image nor a container needs, least recently used first. */
export function cacheEntries(store: Store, roots: Roots): readonly CacheEntry[] {
  const trees = names(store.path('trees'))
    .filter((id) => /^[0-9a-f]{32}$/.test(id) && !roots.trees.has(id))
    .map((id) => treeEntry(store, id));
  const blobs = names(store.path('blobs/sha256'))
    .filter((hex) => /^[0-9a-f]{64}$/.test(hex) && !roots.blobs.has(hex))
    .map((hex) => blobEntry(store, hex));
  return [...trees, ...blobs]
    .filter((entry) => entry !== undefined)
    .sort((a, b) => a.used - b.used);
}

/** What images and containers need has on disk. */
export function rootBytes(store: Store, { trees, blobs }: Roots): number {
  const entries = [
    ...[...trees].map((id) => treeEntry(store, id)),
    ...[...blobs].map((hex) => blobEntry(store, hex)),
  ];
  return entries.reduce((sum, entry) => sum + (entry?.bytes ?? 0), 0);
}

function treeEntry(store: Store, id: string): CacheEntry | undefined {
  const home = store.path('trees', id);
  const meta = lstatSync(join(home, 'meta.json'), { throwIfNoEntry: false });
  const used = meta?.mtimeMs ?? lstatSync(home, { throwIfNoEntry: false })?.mtimeMs;
  if (used === undefined) return undefined;
  return { kind: 'tree', id, bytes: treeBytes(home), used };
}

/** As it was measured when it was made; of one that was never finished, as it is. */
function treeBytes(home: string): number {
  try {
    const meta = JSON.parse(readFileSync(join(home, 'meta.json'), 'utf8')) as {
      fileBytes?: number;
    };
    if (typeof meta.fileBytes === 'number') return meta.fileBytes;
  } catch (error) {
    if (!(error instanceof SyntaxError) && !hasCode(error, 'ENOENT')) throw error;
  }
  return directorySize(home);
}

function blobEntry(store: Store, hex: string): CacheEntry | undefined {
  const stat = lstatSync(store.path('blobs/sha256', hex), { throwIfNoEntry: false });
  if (stat === undefined) return undefined;
  return { kind: 'blob', id: hex, bytes: stat.size, used: stat.mtimeMs };
}

/** Trees that a step's record names: a build may begin from them again. */
export function recordedTrees(store: Store): ReadonlySet<string> {
  const found = new Set<string>();
  for (const kind of ['definition', 'content'])
    for (const part of names(store.path('records', kind)))
      for (const key of names(store.path('records', kind, part)))
        for (const id of treesIn(store.path('records', kind, part, key))) found.add(id);
  return found;
}

/** The record's result is a list of tree ids, as text in JSON. */
function treesIn(file: string): readonly string[] {
  const record = readRecord(file) as { readonly result?: unknown } | undefined;
  return typeof record?.result === 'string' ? (record.result.match(/\b[0-9a-f]{32}\b/g) ?? []) : [];
}

/** True while another process works in this store: what it may use is not to be taken away. */
export function othersAtWork(store: Store, own: string): boolean {
  return names(store.path('leases')).some((id) => id !== own && isHeld(store.path('leases', id)));
}

function isHeld(file: string): boolean {
  try {
    const fd = openSync(file, 'r');
    try {
      return !sys().flock(fd, 'shared', false);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
}

/**
 * Removes entries of the cache, and gives those that are gone. They are taken out of sight first; then `roots` are asked
 * anew, and what an image or container came to need meanwhile is put back, or everything when another process began to
 * work. Killed in between, what was out of sight is a miss of the cache and is swept.
 */
export async function removeEntries(
  store: Store,
  entries: readonly CacheEntry[],
  roots: () => Roots,
): Promise<readonly CacheEntry[]> {
  const lease = await store.lease();
  const aside = join(lease.dir, 'collected');
  mkdirSync(aside, { mode: 0o700 });
  const moved = othersAtWork(store, lease.id)
    ? []
    : entries.filter((entry) => move(placeOf(store, entry), join(aside, entry.id)));
  const needed = roots();
  const stop = othersAtWork(store, lease.id);
  const kept = moved.filter(
    ({ kind, id }) => stop || (kind === 'tree' ? needed.trees : needed.blobs).has(id),
  );
  for (const entry of kept) move(join(aside, entry.id), placeOf(store, entry));
  removeTree(aside, () => false);
  return moved.filter((entry) => !kept.includes(entry));
}

function placeOf(store: Store, { kind, id }: CacheEntry): string {
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

function names(directory: string): string[] {
  try {
    return readdirSync(directory).map((name) => basename(name));
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}
