import { readFileSync } from 'node:fs';
import { resolveInside, type SourceTree } from './source-tree.js';

const MAX_BYTES = 10 << 20;

/** passwd and group of a tree, links followed inside it; '' where there is none, no regular file, or one of over 10 MiB. */
export function userFiles(tree: SourceTree): { readonly passwd: string; readonly group: string } {
  return { passwd: textOf(tree, 'etc/passwd'), group: textOf(tree, 'etc/group') };
}

function textOf(tree: SourceTree, path: string): string {
  const resolved = resolveInside(tree, path, true);
  const entry = resolved === undefined ? undefined : tree.entry(resolved);
  if (entry?.type !== 'file' || entry.size > MAX_BYTES) return '';
  return readFileSync(entry.file, 'utf8');
}
