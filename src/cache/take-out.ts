import { randomBytes } from 'node:crypto';
import { renameSync } from 'node:fs';
import { hasCode } from '../model/has-code.js';
import { removeTree } from './remove-tree.js';

/** Where things of a store are. */
export interface StorePaths {
  readonly path: (...parts: string[]) => string;
}

/** Removes a file or directory of the store: out of sight first, so that a kill leaves nothing half of it. */
export function takeOut(store: StorePaths, path: string): void {
  const going = store.path('trash', `out-${randomBytes(8).toString('hex')}`);
  try {
    renameSync(path, going);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return; // Another was first.
    throw error;
  }
  removeTree(going, () => false); // What resists is swept.
}
