import { existsSync, lstatSync, readFileSync, renameSync, rmdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type Digest, hexOf, isDigest } from '../model/digest.js';
import type { PlaceRecord } from '../model/op.js';
import { hasCode } from '../model/has-code.js';
import { since } from '../model/since.js';
import { namesIn } from './names-in.js';
import { fannedPath, readRecord } from './record-file.js';
import type { Store } from './store.js';
import { recordFiles } from './tree-uses.js';
import { keysOfUse } from './uses.js';

const HOUR_MS = 3_600_000;

export interface RecordPruning {
  /** By its last use, whether a memory goes that is whole but serves no record: why a step ran, what a server said. */
  readonly forgets: (used: number) => boolean;
  /** Only counts: as if these trees and blobs, by id, were gone already. */
  readonly pretend?: ReadonlySet<string> | undefined;
}

/**
 * Removes what is remembered of what is no longer there: records whose layers or blobs are gone, and what hangs on them.
 * Gives the bytes. One process at a time.
 */
export async function pruneRecords(
  store: Store,
  { forgets, pretend }: RecordPruning,
): Promise<number> {
  const records = store.path('records');
  const dropped = new Set<string>();
  let bytes = 0;
  const drop = (file: string): void => {
    if (isInTheMaking(file)) return;
    dropped.add(file);
    bytes += pretend === undefined ? drop1(file) : sizeOf(file);
  };
  const there = isThere(store, pretend);
  for (const { file } of recordFiles(records)) if (!isAlive(file, there, forgets)) drop(file);
  const has = (key: string): boolean => {
    const file = join(records, 'definition', key.slice(0, 2), key.slice(2));
    return !dropped.has(file) && existsSync(file);
  };
  const lists = new Set<string>();
  for (const file of filesIn(records, 'places')) {
    const place = readRecord(file) as PlaceRecord | undefined;
    if (place !== undefined && (has(place.key.slice('sha256:'.length)) || !forgets(usedAt(file))))
      for (const { list } of place.parts) {
        if (list !== undefined) lists.add(fannedPath(records, 'lists', list));
      }
    else drop(file);
  }
  // One that a build has just written may have no place yet.
  const now = Date.now();
  for (const file of filesIn(records, 'lists'))
    if (!lists.has(file) && since(usedAt(file), now) > HOUR_MS) drop(file);
  for (const file of filesIn(records, 'uses')) if (!keysOfUse(file).some(has)) drop(file);
  for (const file of filesIn(records, 'sources')) if (forgets(usedAt(file))) drop(file);
  for (const name of namesIn(store.path('contexts')))
    if (forgets(usedAt(store.path('contexts', name)))) drop(store.path('contexts', name));
  if (pretend !== undefined) return bytes + pointerBytes(store, there);
  // An op without records is asked for nothing.
  for (const op of namesIn(join(records, 'content'))) dropEmpty(join(records, 'content', op));
  await dropPointers(store, drop);
  return bytes;
}

interface There {
  readonly tree: (id: string) => boolean;
  readonly blob: (digest: Digest) => boolean;
}

function isThere(store: Store, pretend: ReadonlySet<string> = new Set()): There {
  return {
    tree: (id) => !pretend.has(id) && existsSync(store.path('trees', id)),
    blob: (digest) => !pretend.has(hexOf(digest)) && store.blobs.hasSync(digest),
  };
}

/** Of a step: its trees are there. Of a packed layer: its blob. Of anything else: it was used lately. */
function isAlive(file: string, there: There, forgets: (used: number) => boolean): boolean {
  const record = readRecord(file) as { readonly result?: unknown } | undefined;
  if (typeof record?.result !== 'string') return false;
  const trees = /^\[.*\]$/s.test(record.result)
    ? (record.result.match(/\b[0-9a-f]{32}\b/g) ?? [])
    : undefined;
  if (trees !== undefined) return trees.every(there.tree);
  const digest = /"digest":"(sha256:[0-9a-f]{64})"/.exec(record.result)?.[1] ?? '';
  if (isDigest(digest)) return there.blob(digest);
  return !forgets(usedAt(file));
}

/** `trees/by-diff/<hex>` of trees that are gone: looked at out of sight, for a build may just have written it anew. */
async function dropPointers(store: Store, drop: (file: string) => void): Promise<void> {
  const { dir } = await store.lease();
  const there = isThere(store);
  for (const name of namesIn(store.path('trees/by-diff'))) {
    const file = store.path('trees/by-diff', name);
    if (isInTheMaking(file) || pointsSomewhere(file, there)) continue;
    const aside = join(dir, 'pointer');
    renameSync(file, aside);
    if (pointsSomewhere(aside, there) && !existsSync(file)) renameSync(aside, file);
    else drop(aside);
  }
}

/** A file of another process, before it gets its name. */
function isInTheMaking(file: string): boolean {
  return file.endsWith('.tmp') && since(usedAt(file), Date.now()) < HOUR_MS;
}

/** Of those that would go. */
function pointerBytes(store: Store, there: There): number {
  return namesIn(store.path('trees/by-diff'))
    .map((name) => store.path('trees/by-diff', name))
    .filter((file) => !isInTheMaking(file) && !pointsSomewhere(file, there))
    .reduce((bytes, file) => bytes + sizeOf(file), 0);
}

function pointsSomewhere(file: string, there: There): boolean {
  const id = readFileSync(file, 'latin1').split(' ')[0] ?? '';
  return /^[0-9a-f]{32}$/.test(id) && there.tree(id);
}

function dropEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch (error) {
    if (!hasCode(error, 'ENOENT', 'ENOTEMPTY', 'EEXIST')) throw error;
  }
}

function filesIn(records: string, kind: string): readonly string[] {
  return namesIn(join(records, kind)).flatMap((part) =>
    namesIn(join(records, kind, part)).map((name) => join(records, kind, part, name)),
  );
}

function usedAt(file: string): number {
  return lstatSync(file, { throwIfNoEntry: false })?.mtimeMs ?? Date.now(); // It went meanwhile.
}

function sizeOf(file: string): number {
  return (lstatSync(file, { throwIfNoEntry: false })?.blocks ?? 0) * 512;
}

function drop1(file: string): number {
  const bytes = sizeOf(file);
  try {
    unlinkSync(file);
    return bytes;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return 0;
    throw error;
  }
}
