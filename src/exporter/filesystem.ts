import {
  chmodSync,
  constants,
  copyFileSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { mergedView } from '../cache/merged-view.js';
import { bytesUnder } from '../cache/layer-walk.js';
import { layerTar } from '../cache/layer-digest.js';
import type { SourceEntry, SourceTree } from '../cache/source-tree.js';
import type { Scope } from '../model/scope.js';
import type { Bytes, Snapshot, Snapshotter } from '../model/stores.js';
import { sys } from '../sys/sys.js';

/** The merged filesystem as one tar, through a read-only mount. */
export async function* filesystemTar(
  snapshot: Snapshot,
  snapshots: Snapshotter,
  scope: Scope,
): Bytes {
  await using view = await snapshots.view(snapshot, scope);
  for await (const chunk of layerTar(view.root)) {
    scope.signal.throwIfAborted();
    yield chunk;
  }
}

/**
 * Writes the merged filesystem into a directory, over what is there (`--output type=local`). Owners are kept for root
 * only; devices are left out for anybody else.
 */
export async function filesystemDirectory(
  snapshot: Snapshot,
  dest: string,
  scope: Scope,
): Promise<void> {
  for (const layer of snapshot.layers) await layer.ensure(scope);
  mkdirSync(dest, { recursive: true });
  const tree = mergedView(snapshot.layers.map((layer) => layer.path));
  const writer = { tree, dest, links: new Map<string, string>(), root: process.getuid?.() === 0 };
  for (const child of tree.children('')) write(writer, child, scope);
}

interface Writer {
  readonly tree: SourceTree;
  readonly dest: string;
  readonly links: Map<string, string>;
  readonly root: boolean;
}

function write(writer: Writer, entry: SourceEntry, scope: Scope): void {
  scope.signal.throwIfAborted();
  const full = bytesUnder(writer.dest, entry.path);
  const there = lstatSync(full, { throwIfNoEntry: false });
  if (entry.type === 'directory') {
    if (there?.isDirectory() === false) rmSync(full);
    if (there?.isDirectory() !== true) mkdirSync(full);
    for (const child of writer.tree.children(entry.path)) write(writer, child, scope);
  } else {
    if (there !== undefined) rmSync(full, { recursive: true });
    if (!create(writer, entry, full)) return;
  }
  if (writer.root) lchownSync(full, entry.uid, entry.gid);
  if (entry.type !== 'symlink') chmodSync(full, entry.mode);
  sys().utimens(full, entry.mtimeNs, entry.mtimeNs);
}

const TYPES = { 'character-device': 0o020000, 'block-device': 0o060000, fifo: 0o010000 } as const;

/** False for what is left out. */
function create({ dest, links, root }: Writer, entry: SourceEntry, full: Buffer): boolean {
  switch (entry.type) {
    case 'file': {
      const first = entry.inode === undefined ? undefined : links.get(entry.inode);
      if (first !== undefined) {
        linkSync(bytesUnder(dest, first), full);
        return false;
      }
      if (entry.inode !== undefined) links.set(entry.inode, entry.path);
      copyFileSync(entry.file, full, constants.COPYFILE_FICLONE);
      return true;
    }
    case 'symlink':
      symlinkSync(Buffer.from(entry.link ?? '', 'latin1'), full);
      return true;
    case 'fifo':
    case 'character-device':
    case 'block-device':
      if (!root && entry.type !== 'fifo') return false;
      sys().mknod(
        full,
        TYPES[entry.type] | entry.mode,
        (entry.rdev >> 8) & 0xfff,
        entry.rdev & 0xff,
      );
      return true;
    case 'socket':
    case 'directory':
      return false;
  }
}
