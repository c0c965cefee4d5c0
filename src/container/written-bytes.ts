import { lstatSync } from 'node:fs';
import { directorySize } from '../cache/directory-size.js';
import { bytesUnder } from '../cache/layer-walk.js';
import { type ChangedTree, containerChanges } from './changes.js';

/** Bytes in the files that a container wrote, each inode once. */
export function writtenBytes(tree: ChangedTree): number {
  if (tree.whole !== true) return directorySize(tree.upper);
  const sizes = new Map<string, number>();
  for (const { kind, path } of containerChanges(tree)) {
    const stat =
      kind === 'D' ? undefined : lstatSync(bytesUnder(tree.upper, path), { throwIfNoEntry: false });
    if (stat?.isDirectory() === false)
      sizes.set(`${String(stat.dev)}:${String(stat.ino)}`, stat.size);
  }
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}
