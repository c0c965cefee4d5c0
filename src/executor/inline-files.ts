import { lstatSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hashFile } from '../cache/file-hash.js';
import { hostPath, type SourceEntry, toBytes } from '../cache/source-tree.js';
import type { InlineFile } from '../model/graph.js';
import type { KeyPart } from '../model/op.js';
import { part } from './parts.js';
import type { FilteredTree } from './filter-tree.js';
import type { Taken } from './copy-files.js';

/** What a key knows of here-documents: each name with its content. */
export function inlineParts(files: readonly InlineFile[]): KeyPart[] {
  return files.map(({ name, content }, i) => part(`here-document ${name}`, [i, content]));
}

/**
 * Here-documents as files to copy, written below `temporary`: 0644 and root's. Each has a place of its own, for two may
 * have the same name; the later one then wins in the destination. One is a file also where it looks like an archive.
 */
export async function inlineFiles(
  files: readonly InlineFile[],
  temporary: () => Promise<string>,
): Promise<Taken> {
  const dir = files.length === 0 ? '' : mkdtempSync(join(await temporary(), 'inline-'));
  const entries = files.map(({ content }, i): SourceEntry => {
    const path = String(i);
    const file = hostPath(dir, path);
    writeFileSync(file, content, { mode: 0o600, flag: 'wx' });
    const { mtimeNs, size } = lstatSync(file, { bigint: true });
    const facts = { mode: 0o644, uid: 0, gid: 0, size: Number(size), mtimeNs, rdev: 0 };
    return { path, type: 'file', file, ...facts };
  });
  const tree: FilteredTree = {
    entry: (path) => entries[Number(path)],
    children: () => [],
    contentHash: ({ file }) => hashFile(file),
    xattrDigest: () => '',
    matches: () => true,
  };
  const selected = entries.map((entry, i) => ({
    name: toBytes(files[i]?.name ?? ''),
    entry,
    tree,
  }));
  return { selected, unpack: false, hashed: false };
}
