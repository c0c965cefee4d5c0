import { existsSync, readdirSync, readFileSync, renameSync, statSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { hasCode } from '../model/has-code.js';
import { since } from '../model/since.js';
import { diffIDOf } from './diff-id-of.js';
import { replaceFile } from './durable.js';
import { discardUnfinished, isLeft } from './lease.js';
import { claimFile } from './lock-file.js';
import { type PartialBlob, partialBlobs, removePartial } from './partial-blobs.js';
import { removeTree } from './remove-tree.js';

export interface SweepDirectories {
  readonly leases: string;
  readonly tmp: string;
  readonly trees: string;
  readonly trash: string;
  readonly locks: string;
  readonly partial: string;
  readonly refs: string;
  /** Told of each directory that a dead process left, while it is still there: for what it leads to elsewhere. */
  readonly onDead?: (dir: string) => void;
}

/** What deleting for a killed process may cost the next one at its start, and while it waits for a step of its own. */
const START_MS = 50;
const IDLE_MS = 200;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** True when there may be something to sweep: a few readdirs, no lock. */
export function needsSweep(directories: SweepDirectories): boolean {
  const { leases, tmp, trash, locks, refs, partial } = directories;
  return (
    [leases, tmp, trash, locks].some((directory) => readdirSync(directory).length > 0) ||
    readdirSync(refs).some(isTemporary) ||
    (readdirSync(partial).length > 0 && partialBlobs(directories).some(isForgotten))
  );
}

/**
 * Removes what dead processes left: a lease or lock file whose lock can be taken belongs to nobody. Live ones are never
 * touched. Renaming to trash/ is done at once, deleting as long as `expired` allows; the rest waits for `emptyTrash` or for the next start.
 */
export function sweep(directories: SweepDirectories, expired = budget(START_MS)): void {
  unlessDiskFails(() => {
    discardDead(directories);
    empty(directories.trash, expired);
  });
}

/** Goes on with what a sweep did not get to, for when there is nothing better to do. */
export function emptyTrash(trash: string): void {
  unlessDiskFails(() => {
    empty(trash, budget(IDLE_MS));
  });
}

/** A full disk or a read-only one must not keep a command from running. */
function unlessDiskFails(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
  }
}

function discardDead(directories: SweepDirectories): void {
  const { leases, tmp, trash, locks, refs } = directories;
  const discard = (id: string): void => {
    directories.onDead?.(join(tmp, id));
    moveAway(join(tmp, id), join(trash, id));
  };
  for (const id of readdirSync(leases)) {
    const file = join(leases, id);
    claimFile(file, () => {
      const claimed = readFileSync(file, 'latin1').split('\n');
      discardUnfinished(claimed, directories);
      pointTo(claimed, directories);
      discard(id);
    });
  }
  // A directory without a lease file: its process died between the two removals of an orderly end, or somebody removed
  // the file. A lease file comes before its directory, so the directories are listed first.
  const directoriesThere = readdirSync(tmp);
  const live = new Set(readdirSync(leases));
  for (const id of directoriesThere) if (!live.has(id) && isLeft(join(tmp, id))) discard(id);
  for (const key of readdirSync(locks)) claimFile(join(locks, key), () => undefined);
  for (const name of readdirSync(refs)) if (isTemporary(name)) removeStale(join(refs, name));
  for (const part of partialBlobs(directories).filter(isForgotten))
    removePartial(directories, part.hex);
}

/** Who made a tree was killed right before its digest led to it: it does now, unless to another. */
function pointTo(claimed: readonly string[], { trees, tmp }: SweepDirectories): void {
  for (const id of claimed.filter((each) => /^[0-9a-f]{32}$/.test(each))) {
    const diffID = diffIDOf(join(trees, id, 'meta.json'));
    const pointer = join(trees, 'by-diff', diffID ?? '');
    if (diffID !== undefined && !existsSync(pointer)) replaceFile(pointer, id, tmp);
  }
}

/** What ran out of time leaves its depths beside it, so trash/ is read until nothing more can go. */
function empty(trash: string, expired: () => boolean): void {
  let names = readdirSync(trash);
  while (names.length > 0) {
    const gone = names.filter((id) => removeTree(join(trash, id), expired));
    if (gone.length === 0 || expired()) return;
    names = readdirSync(trash);
  }
}

function budget(ms: number): () => boolean {
  const end = performance.now() + ms;
  return () => performance.now() > end;
}

function isTemporary(name: string): boolean {
  return name.endsWith('.tmp');
}

/** Nobody went on with the download. */
function isForgotten({ used, inUse }: PartialBlob): boolean {
  return !inUse && since(used, Date.now()) > DAY_MS;
}

/** Its writer holds no lock; one that takes an hour from creating to renaming does not exist. */
function removeStale(path: string): void {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined || since(stat.mtimeMs, Date.now()) < HOUR_MS) return;
  ignoreMissing(() => {
    unlinkSync(path);
  });
}

function moveAway(directory: string, trash: string): void {
  ignoreMissing(() => {
    renameSync(directory, trash);
  });
}

function ignoreMissing(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
}
