import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  unlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { hasCode } from '../model/has-code.js';
import { sys } from '../sys/sys.js';
import { appendAll } from './durable.js';
import { isNamed } from './lock-file.js';
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
  const fd = openLocked(file);
  const dir = join(tmp, id);
  mkdirSync(dir, { mode: 0o700 });
  const claimed = new Set<string>();
  let open = true;
  return {
    id,
    dir,
    claim: (ids) => {
      const fresh = ids.filter((each) => !claimed.has(each));
      if (fresh.length === 0 || !open) return;
      appendAll(fd, fresh.map((each) => `${each}\n`).join(''));
      awaitCollector(locks);
      for (const each of fresh) claimed.add(each);
    },
    [Symbol.asyncDispose]() {
      if (open) {
        open = false;
        for (const gone of discardUnfinished(claimed, directories)) removeTree(gone, () => false);
        // What resists stays with its lease file, unlocked: the next start sweeps it.
        if (removeTree(dir, () => false)) unlinkSync(file);
        closeSync(fd);
      }
      return Promise.resolve();
    },
  };
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
