import { lstatSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hashFile } from '../cache/file-hash.js';
import { hostPath, type SourceTree, toBytes } from '../cache/source-tree.js';
import type { InlineFile } from '../model/graph.js';
import type { KeyPart } from '../model/op.js';
import { part } from './parts.js';
import type { Selected } from './select.js';

/** What a key knows of here-documents: each name with its content. */
export function inlineParts(files: readonly InlineFile[]): KeyPart[] {
  return files.map(({ name, content }, i) => part(`here-document ${name}`, [i, content]));
}

/**
 * Here-documents as a tree to copy from, written below `temporary`: 0644 and root's. Each has a place of its own, for
 * two may have the same name; the later one then wins in the destination.
 */
export async function inlineTree(
  files: readonly InlineFile[],
  temporary: () => Promise<string>,
): Promise<{ tree: SourceTree; selected: Selected[]; inline: true }> {
  const dir = files.length === 0 ? '' : mkdtempSync(join(await temporary(), 'inline-'));
  const selected = files.map(({ name, content }, i): Selected => {
    const path = String(i);
    const file = hostPath(dir, path);
    writeFileSync(file, content, { mode: 0o600, flag: 'wx' });
    const { mtimeNs, size } = lstatSync(file, { bigint: true });
    const facts = { mode: 0o644, uid: 0, gid: 0, size: Number(size), mtimeNs, rdev: 0 };
    return { name: toBytes(name), entry: { path, type: 'file', file, ...facts } };
  });
  const tree: SourceTree = {
    entry: (path) => selected[Number(path)]?.entry,
    children: () => [],
    contentHash: ({ file }) => hashFile(file),
  };
  return { tree, selected, inline: true };
}
