import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, openSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { sys } from '../sys/sys.js';
import { isNamed } from './lock-file.js';
import { removeTree } from './remove-tree.js';

/** A process' claim on its temporary files. It lives as long as its lock, that is as long as the process. */
export interface Lease extends AsyncDisposable {
  readonly id: string;
  /** Private directory on the store's filesystem, mode 0700. */
  readonly dir: string;
}

export interface LeaseDirectories {
  readonly leases: string;
  readonly tmp: string;
}

export function takeLease({ leases, tmp }: LeaseDirectories): Lease {
  const id = randomBytes(10).toString('hex');
  const file = join(leases, id);
  const fd = openLocked(file);
  const dir = join(tmp, id);
  mkdirSync(dir, { mode: 0o700 });
  let open = true;
  return {
    id,
    dir,
    [Symbol.asyncDispose]() {
      if (open) {
        open = false;
        // What resists stays with its lease file, unlocked: the next start sweeps it.
        if (removeTree(dir, () => false)) unlinkSync(file);
        closeSync(fd);
      }
      return Promise.resolve();
    },
  };
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
