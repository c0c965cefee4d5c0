import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { hasCode } from '../model/has-code.js';
import { sys } from '../sys/sys.js';

/** `fd` may be handed to a child, which then holds the lock too. */
export interface HeldLock extends Disposable {
  readonly fd: number;
}

const PROBE_MS = 300;

/** Without waiting; undefined when another holds it. */
export function takeLock(file: string, mode: 'shared' | 'exclusive'): HeldLock | undefined {
  const fd = openSync(file, 'a', 0o600);
  if (!sys().flock(fd, mode, false)) {
    closeSync(fd);
    return undefined;
  }
  return {
    fd,
    [Symbol.dispose]: () => {
      closeSync(fd);
    },
  };
}

/** Exclusive, as long as it takes. */
export async function waitToLock(file: string): Promise<Disposable> {
  const fd = openSync(file, 'a', 0o600);
  await sys().flockAsync(fd, 'exclusive', new AbortController().signal);
  return {
    [Symbol.dispose]: () => {
      closeSync(fd);
    },
  };
}

/** Who only looks whether a container runs holds its lock for a moment: that is waited for. */
export async function takeRunLock(file: string): Promise<HeldLock | undefined> {
  const fd = openSync(file, 'a', 0o600);
  try {
    await sys().flockAsync(fd, 'exclusive', AbortSignal.timeout(PROBE_MS));
    return {
      fd,
      [Symbol.dispose]: () => {
        closeSync(fd);
      },
    };
  } catch (error) {
    closeSync(fd);
    if (error instanceof Error && error.name === 'TimeoutError') return undefined;
    throw error;
  }
}

/** Waits until nobody holds it exclusively, or it is gone. Rejects with the signal's reason. */
export async function waitForLock(file: string, signal: AbortSignal): Promise<void> {
  let fd: number;
  try {
    fd = openSync(file, 'r');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return; // It was removed.
    throw error;
  }
  try {
    await sys().flockAsync(fd, 'shared', signal);
  } finally {
    closeSync(fd);
  }
}

/** Whether a lock of this kind could not be had now. */
export function isLocked(file: string, probe: 'shared' | 'exclusive'): boolean {
  let fd: number;
  try {
    fd = openSync(file, 'r');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
  try {
    return !sys().flock(fd, probe, false);
  } finally {
    closeSync(fd);
  }
}

/** Of those who see a container's end at once, one tells of it: true for the first since its start. */
export function claimEnd(dir: string): boolean {
  try {
    closeSync(openSync(join(dir, 'died'), 'wx', 0o600));
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST', 'ENOENT')) return false;
    throw error;
  }
}
