import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { hasCode } from '../model/has-code.js';

/**
 * `mkdir -p`; throws what the system said. Node's own (20.x) says ENOENT of a full or broken disk, and never ends where a
 * directory is there and nothing can be made in it: below /proc the kernel says ENOENT of that.
 */
export function makeDeep(path: string | Buffer, mode = 0o777): void {
  if (isDirectory(path)) return;
  try {
    mkdirSync(path, mode);
  } catch (error) {
    if (hasCode(error, 'EEXIST') && isDirectory(path)) return; // Another was faster.
    const parent = parentOf(path);
    if (!hasCode(error, 'ENOENT') || parent.length >= path.length || isDirectory(parent)) throw error; // prettier-ignore
    makeDeep(parent, mode);
    makeDeep(path, mode);
  }
}

function parentOf(path: string | Buffer): string | Buffer {
  return typeof path === 'string' ? dirname(path) : path.subarray(0, path.lastIndexOf('/'));
}

function isDirectory(path: string | Buffer): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
