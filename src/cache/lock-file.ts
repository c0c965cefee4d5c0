import { closeSync, fstatSync, openSync, statSync, unlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { hasCode } from '../model/has-code.js';
import { makeDeep } from '../sys/make-deep.js';
import { sys } from '../sys/sys.js';

/*
 * A lock is flock(2) on a file made for it: it lives exactly as long as its holder, killed or not. The file may be
 * removed only by who holds its lock while it has its name; who gets the lock of a file that lost its name meanwhile
 * holds nothing, and takes the file that is there now. So files never pile up and two never hold one name. When somebody
 * else removed it, who held it lets the next one's be.
 */

/** Exclusive across processes until disposed. `onWait` is called once if another holds it. */
export async function lockFile(
  path: string,
  signal: AbortSignal,
  onWait: () => void,
): Promise<AsyncDisposable> {
  let waited = false;
  for (;;) {
    signal.throwIfAborted();
    const fd = openLock(path);
    let mine = false;
    try {
      if (!sys().flock(fd, 'exclusive', false)) {
        if (!waited) onWait();
        waited = true;
        await sys().flockAsync(fd, 'exclusive', signal);
      }
      mine = isNamed(fd, path);
    } finally {
      if (!mine) closeSync(fd);
    }
    if (mine) return held(fd, path);
  }
}

/** As `lockFile`, without waiting: undefined while another holds it. */
export function lockIfFree(path: string): Disposable | undefined {
  const fd = openLock(path);
  if (sys().flock(fd, 'exclusive', false) && isNamed(fd, path)) {
    return {
      [Symbol.dispose]: () => {
        unlinkNamed(fd, path);
        closeSync(fd);
      },
    };
  }
  closeSync(fd);
  return undefined;
}

/** Removes the file if nobody holds it, after `work`, which runs under its lock. False if somebody does. */
export function claimFile(path: string, work: () => void): boolean {
  let fd: number;
  try {
    fd = openSync(path, 'r+');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return true;
    throw error;
  }
  try {
    if (!sys().flock(fd, 'exclusive', false)) return false;
    if (!isNamed(fd, path)) return true;
    work();
    unlinkNamed(fd, path);
    return true;
  } finally {
    closeSync(fd);
  }
}

/** Whether somebody holds it now. */
export function isLocked(path: string): boolean {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
  try {
    return !sys().flock(fd, 'shared', false);
  } finally {
    closeSync(fd);
  }
}

/** True while the open file is the one under the name. */
export function isNamed(fd: number, path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.ino === fstatSync(fd).ino;
}

/** Takes the name off a locked file; another one under that name stays. */
export function unlinkNamed(fd: number, path: string): void {
  if (isNamed(fd, path)) unlinkSync(path);
}

function held(fd: number, path: string): AsyncDisposable {
  let open = true;
  return {
    [Symbol.asyncDispose]: () => {
      if (open) {
        open = false;
        unlinkNamed(fd, path);
        closeSync(fd);
      }
      return Promise.resolve();
    },
  };
}

function openLock(path: string): number {
  try {
    return openSync(path, 'a', 0o600);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
    makeDeep(dirname(path), 0o700);
    return openSync(path, 'a', 0o600);
  }
}
