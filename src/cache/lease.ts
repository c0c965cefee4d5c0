import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
} from 'node:fs';
import { join } from 'node:path';
import { hasCode } from '../model/has-code.js';
import { sys } from '../sys/sys.js';
import { appendAll } from './durable.js';
import { isNamed, unlinkNamed } from './lock-file.js';
import { namesIn } from './names-in.js';
import { removeTree } from './remove-tree.js';

/** A process' claim on its temporary files. It lives as long as its lock, that is as long as the process. */
export interface Lease extends AsyncDisposable {
  readonly id: string;
  /** Private directory on the store's filesystem, mode 0700. */
  readonly dir: string;
  /**
   * Claims trees and blobs, by id: nobody removes them while this lives. Who claims looks afterwards whether they are there.
   */
  readonly claim: (ids: readonly string[]) => void;
}

export interface LeaseDirectories {
  readonly leases: string;
  readonly tmp: string;
  readonly trees: string;
  readonly trash: string;
  readonly locks: string;
}

export function takeLease(directories: LeaseDirectories): Lease {
  const { leases, tmp, locks } = directories;
  const id = randomBytes(10).toString('hex');
  const file = join(leases, id);
  let fd = openLocked(file);
  const dir = join(tmp, id);
  mkdirSync(dir, { mode: 0o700 });
  const place = lockDirectory(dir);
  const claimed = new Set<string>();
  let open = true;
  return {
    id,
    dir,
    claim: (ids) => {
      const fresh = ids.filter((each) => !claimed.has(each));
      if (fresh.length === 0 || !open) return;
      if (!isNamed(fd, file)) fd = writtenAnew(fd, file, claimed);
      appendAll(fd, fresh.map((each) => `${each}\n`).join(''));
      awaitCollector(locks);
      for (const each of fresh) claimed.add(each);
    },
    [Symbol.asyncDispose]() {
      if (open) {
        open = false;
        for (const gone of discardUnfinished(claimed, directories)) removeTree(gone, () => false);
        // What resists stays with its lease file, unlocked: the next start sweeps it.
        if (removeTree(dir, () => false)) unlinkNamed(fd, file);
        closeSync(fd);
        closeSync(place);
      }
      return Promise.resolve();
    },
  };
}

/** Says also who has no lease file any more that they live: who sweeps asks for the lock of a directory without one. */
function lockDirectory(dir: string): number {
  const fd = openSync(dir, 'r');
  sys().flock(fd, 'exclusive', false);
  return fd;
}

/** Whether the process that made a directory of tmp/ is gone. */
export function isLeft(dir: string): boolean {
  let fd: number;
  try {
    fd = openSync(dir, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch {
    return true; // No directory of a lease.
  }
  try {
    return sys().flock(fd, 'exclusive', false);
  } finally {
    closeSync(fd);
  }
}

/** Somebody removed the lease file: what it said is said again. */
function writtenAnew(gone: number, file: string, claimed: ReadonlySet<string>): number {
  const fd = openLocked(file);
  appendAll(fd, [...claimed].map((each) => `${each}\n`).join(''));
  closeSync(gone);
  return fd;
}

const MADE = 'made-';

/** Claimed beside the id of a tree by who makes it. */
export function madeHere(id: string): string {
  return `${MADE}${id}`;
}

/**
 * A tree that never got its facts is found by nobody, and only who made it knows its id: it goes with their lease. Gives
 * where they are now, out of sight.
 */
export function discardUnfinished(
  claimed: Iterable<string>,
  { trees, trash }: Pick<LeaseDirectories, 'trees' | 'trash'>,
): string[] {
  return [...claimed].flatMap((line) => {
    const id = line.startsWith(MADE) ? line.slice(MADE.length) : '';
    const home = join(trees, id);
    if (!/^[0-9a-f]{32}$/.test(id) || !existsSync(home) || existsSync(join(home, 'meta.json')))
      return [];
    const going = join(trash, `tree-${id}`);
    renameSync(home, going);
    return [going];
  });
}

/** Held by who removes trees and blobs, from reading the claims until the last is out of sight: milliseconds. */
export function collectorLock(locks: string): string {
  return join(locks, 'collect');
}

/** A collector that read the claims before ours were written is at its end; one that comes reads ours. */
function awaitCollector(locks: string): void {
  const path = collectorLock(locks);
  if (!existsSync(path)) return;
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return; // It came to its end.
    throw error;
  }
  try {
    sys().flock(fd, 'shared', true);
  } finally {
    closeSync(fd);
  }
}

/** What running processes claim, ours included. */
export function claimedIds(leases: string): ReadonlySet<string> {
  return new Set(namesIn(leases).flatMap((name) => liveClaims(join(leases, name)).split('\n')));
}

/** A lease file that nobody locks is a dead process'. */
function liveClaims(file: string): string {
  let fd: number;
  try {
    fd = openSync(file, 'r');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return '';
    throw error;
  }
  try {
    return sys().flock(fd, 'shared', false) ? '' : readFileSync(fd, 'latin1');
  } finally {
    closeSync(fd);
  }
}

/** A sweeper may lock and remove the file between its creation and our lock: then it is not ours, and we try anew. */
function openLocked(file: string): number {
  for (;;) {
    const fd = openSync(file, 'a', 0o600);
    sys().flock(fd, 'exclusive', true);
    if (isNamed(fd, file)) return fd;
    closeSync(fd);
  }
}
