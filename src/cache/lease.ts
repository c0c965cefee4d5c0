import { randomBytes } from 'node:crypto';
import { closeSync, fstatSync, mkdirSync, openSync, statSync, unlinkSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { sys } from '../sys/sys.js';

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
  return {
    id,
    dir,
    async [Symbol.asyncDispose]() {
      await rm(dir, { recursive: true, force: true });
      unlinkSync(file);
      closeSync(fd);
    },
  };
}

/** A sweeper may lock and remove the file between its creation and our lock: then it is not ours, and we try anew. */
function openLocked(file: string): number {
  for (;;) {
    const fd = openSync(file, 'a', 0o600);
    sys().flock(fd, 'exclusive', true);
    const there = statSync(file, { throwIfNoEntry: false });
    if (there?.ino === fstatSync(fd).ino) return fd;
    closeSync(fd);
  }
}
