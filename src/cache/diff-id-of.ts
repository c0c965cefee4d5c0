import { hexOf } from '../model/digest.js';
import { readIfThere } from './read-if-there.js';
import { readMeta } from './tree-meta.js';

/** From a tree's `meta.json`, without its algorithm; undefined where it cannot be read. */
export function diffIDOf(file: string): string | undefined {
  const meta = readMeta(readIfThere(file) ?? '');
  return meta && hexOf(meta.diffID);
}
