import { joinPath, type SourceEntry, type SourceTree } from '../cache/source-tree.js';
import { makeDeep } from '../sys/make-deep.js';
import type { Owner } from './access.js';
import { UpperWriter } from './upper-writer.js';

const ROOT: Owner = { uid: 0, gid: 0 };
const NOTHING: SourceTree = {
  entry: () => undefined,
  children: () => [],
  contentHash: nothing,
  xattrDigest: nothing,
};

function nothing(): never {
  throw new Error('nothing has no content');
}

/**
 * Copies an entry, with all below it, to its own path in the empty directory `root`. A step gets a copy of the context,
 * not the context: it is as the key says, has the owners a context has, and nothing the step does reaches the original.
 */
export function stageFiles(
  tree: SourceTree,
  entry: SourceEntry,
  root: string,
  signal: AbortSignal,
): void {
  makeDeep(root, 0o755);
  const writer = new UpperWriter(root, NOTHING);
  const copy = (each: SourceEntry): void => {
    signal.throwIfAborted();
    const access = { owner: each, mode: each.mode };
    const fresh = each.type === 'directory' || writer.file(each.path, each, access);
    if (each.type === 'directory') writer.directory(each.path, each, access);
    if (fresh && (each.type === 'file' || each.type === 'directory'))
      writer.copyXattrs(each.path, each.file);
    if (each.type !== 'directory') return;
    for (const child of tree.children(each.path)) copy(child);
  };
  const cut = entry.path.lastIndexOf('/');
  if (cut !== -1) writer.ensureDirectory(entry.path.slice(0, cut), ROOT);
  copy(entry);
  writer.finish();
}

/** The same, but what is in the directory `entry` goes right into `root`. */
export function stageContents(
  tree: SourceTree,
  entry: SourceEntry,
  root: string,
  signal: AbortSignal,
): void {
  const below = entry.path === '' ? 0 : entry.path.length + 1;
  const moved: SourceTree = {
    ...tree,
    children: (path) =>
      tree
        .children(path === '' ? entry.path : joinPath(entry.path, path))
        .map((child) => renamed(child, child.path.slice(below))),
  };
  stageFiles(moved, renamed(entry, ''), root, signal);
}

/** An entry may look at its file when it is asked: it stays the same one under another name. */
function renamed(entry: SourceEntry, path: string): SourceEntry {
  return new Proxy(entry, {
    get: (target, key): unknown => (key === 'path' ? path : Reflect.get(target, key, target)),
  });
}
