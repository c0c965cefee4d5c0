import { existsSync, rmdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { BuildError } from '../model/error.js';
import type { Lease } from './lease.js';

/**
 * The lease on a store whose end throws BuildError `store` when the store is not where it was: moved, removed or with
 * another in its place. Directories that were made since then on the way to the lease's go, if nothing is in them.
 */
export function leaseOf(root: string, lease: Lease): Lease {
  const was = statSync(root, { bigint: true });
  const check = (): void => {
    const is = statSync(root, { bigint: true, throwIfNoEntry: false });
    if (is?.ino === was.ino && is.dev === was.dev && is.birthtimeNs === was.birthtimeNs) return;
    removeEmpty(lease.dir, root);
    throw new BuildError('store', `the store ${root} was moved or removed while it was used`, {
      hint: 'run the command again, with STAVE_ROOT where the store is now',
    });
  };
  return { ...lease, [Symbol.asyncDispose]: () => lease[Symbol.asyncDispose]().then(check) };
}

function removeEmpty(dir: string, root: string): void {
  const last = existsSync(join(root, 'version')) ? dir : root;
  for (let at = dir; at.startsWith(last); at = dirname(at)) {
    try {
      rmdirSync(at);
    } catch {
      // There is something in it, or it is not there.
    }
  }
}
