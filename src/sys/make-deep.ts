import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { hasCode } from '../model/has-code.js';

/**
 * `mkdir -p` of a path a person gave. Node's own (20.x) never ends where a directory is there and nothing can be made in it:
 * below /proc the kernel says ENOENT of that.
 */
export function makeDeep(path: string, mode: number): void {
  try {
    mkdirSync(path, mode);
  } catch (error) {
    if (hasCode(error, 'EEXIST') && statSync(path).isDirectory()) return;
    const parent = dirname(path);
    if (!hasCode(error, 'ENOENT') || parent === path || existsSync(parent)) throw error;
    makeDeep(parent, mode);
    mkdirSync(path, mode);
  }
}
