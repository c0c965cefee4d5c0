import { existsSync, lstatSync, readFileSync, renameSync, rmdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { isDigest } from '../model/digest.js';
import type { PlaceRecord } from '../model/op.js';
import { hasCode } from '../model/has-code.js';
import { namesIn } from './names-in.js';
import { fannedPath, readRecord } from './record-file.js';
import type { Store } from './store.js';
import { recordFiles } from './tree-uses.js';
import { keysOfUse } from './uses.js';

const HOUR_MS = 3_600_000;

/**
 * Removes what is remembered of what is no longer there: records whose layers or blobs are gone, and what hangs on them.
 * `forgets` says by its last use whether a memory goes that is whole but serves no record: why a step ran, what a server
 * said. Gives the bytes. One process at a time.
 */
export async function pruneRecords(
  store: Store,
  forgets: (used: number) => boolean,
): Promise<number> {
  const records = store.path('records');
  let bytes = 0;
  const drop = (file: string): void => {
    if (!isInTheMaking(file)) bytes += drop1(file);
  };
  for (const { file } of recordFiles(records)) if (!isAlive(file, store, forgets)) drop(file);
  const has = (key: string): boolean =>
    existsSync(join(records, 'definition', key.slice(0, 2), key.slice(2)));
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
    if (!lists.has(file) && now - usedAt(file) > HOUR_MS) drop(file);
  for (const file of filesIn(records, 'uses')) if (!keysOfUse(file).some(has)) drop(file);
  for (const file of filesIn(records, 'sources')) if (forgets(usedAt(file))) drop(file);
  for (const name of namesIn(store.path('contexts')))
    if (forgets(usedAt(store.path('contexts', name)))) drop(store.path('contexts', name));
  // An op without records is asked for nothing.
  for (const op of namesIn(join(records, 'content'))) dropEmpty(join(records, 'content', op));
  await dropPointers(store, drop);
  return bytes;
}

/** Of a step: its trees are there. Of a packed layer: its blob. Of anything else: it was used lately. */
function isAlive(file: string, store: Store, forgets: (used: number) => boolean): boolean {
  const record = readRecord(file) as { readonly result?: unknown } | undefined;
  if (typeof record?.result !== 'string') return false;
  const trees = /^\[.*\]$/s.test(record.result)
    ? (record.result.match(/\b[0-9a-f]{32}\b/g) ?? [])
    : undefined;
  if (trees !== undefined) return trees.every((id) => existsSync(store.path('trees', id)));
  const digest = /"digest":"(sha256:[0-9a-f]{64})"/.exec(record.result)?.[1] ?? '';
  if (isDigest(digest)) return store.blobs.hasSync(digest);
  return !forgets(usedAt(file));
}

/** `trees/by-diff/<hex>` of trees that are gone: looked at out of sight, for a build may just have written it anew. */
async function dropPointers(store: Store, drop: (file: string) => void): Promise<void> {
  const { dir } = await store.lease();
  for (const name of namesIn(store.path('trees/by-diff'))) {
    const file = store.path('trees/by-diff', name);
    if (isInTheMaking(file) || pointsSomewhere(file, store)) continue;
    const aside = join(dir, 'pointer');
    renameSync(file, aside);
    if (pointsSomewhere(aside, store) && !existsSync(file)) renameSync(aside, file);
    else drop(aside);
  }
}

/** A file of another process, before it gets its name. */
function isInTheMaking(file: string): boolean {
  return file.endsWith('.tmp') && Date.now() - usedAt(file) < HOUR_MS;
}

function pointsSomewhere(file: string, store: Store): boolean {
  const id = readFileSync(file, 'latin1').split(' ')[0] ?? '';
  return /^[0-9a-f]{32}$/.test(id) && existsSync(store.path('trees', id));
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
  return lstatSync(file, { throwIfNoEntry: false })?.mtimeMs ?? Infinity;
}

function drop1(file: string): number {
  const bytes = (lstatSync(file, { throwIfNoEntry: false })?.blocks ?? 0) * 512;
  try {
    unlinkSync(file);
    return bytes;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return 0;
    throw error;
  }
}
