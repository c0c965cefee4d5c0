import { type BigIntStats, lstatSync, readdirSync, readlinkSync, type Stats } from 'node:fs';
import { sys } from '../sys/sys.js';
import { hashFile } from './file-hash.js';
import { inodeOf } from './inode-record.js';
import { bytesUnder, OPAQUE_XATTRS } from './layer-walk.js';
import { xattrDigest } from './xattrs.js';
import { isWhiteout } from './whiteout.js';
import { hostPath, joinPath, type SourceEntry, type SourceTree } from './source-tree.js';

/**
 * Layers seen as one tree, as overlay would show them, without a mount: whiteouts and opaque directories hide what is
 * below. `layers` are directories, bottom first.
 */
export function mergedView(layers: readonly string[]): SourceTree {
  const top = [...layers].reverse();
  const directories = new Map<string, Directory>();
  const directory = (path: string): Directory => {
    const known = directories.get(path);
    if (known !== undefined) return known;
    const made = openDirectory(path, top, directory);
    directories.set(path, made);
    return made;
  };
  return {
    entry: (path) => {
      if (path === '') return rootEntry(top);
      const [parent, name] = splitLast(path);
      return directory(parent).entry(name);
    },
    children: (path) => directory(path).children(),
    contentHash: (entry) => hashFile(entry.file),
    xattrDigest: (entry) => xattrDigest(entry.file),
  };
}

interface Directory {
  /** Roots of the layers whose directory shows here, top first. */
  readonly roots: readonly string[];
  readonly entry: (name: string) => SourceEntry | undefined;
  readonly children: () => readonly SourceEntry[];
}

const NOTHING: Directory = { roots: [], entry: () => undefined, children: () => [] };

function openDirectory(
  path: string,
  top: readonly string[],
  open: (path: string) => Directory,
): Directory {
  const roots = path === '' ? top : visibleRoots(path, open);
  if (roots.length === 0) return NOTHING;
  const entries = new Map<string, SourceEntry | undefined>();
  const entry = (name: string): SourceEntry | undefined => {
    if (entries.has(name)) return entries.get(name);
    const found = findEntry(roots, joinPath(path, name));
    entries.set(name, found);
    return found;
  };
  return {
    roots,
    entry,
    children: () => {
      const names = new Set(
        roots.flatMap((root) => readdirSync(bytesUnder(root, path), { encoding: 'latin1' })),
      );
      return [...names]
        .sort()
        .map(entry)
        .filter((found) => found !== undefined);
    },
  };
}

/** Of the parent's layers, those that have this directory and are not hidden by one above. */
function visibleRoots(path: string, open: (path: string) => Directory): string[] {
  const [parent] = splitLast(path);
  const roots: string[] = [];
  for (const root of open(parent).roots) {
    const full = bytesUnder(root, path);
    const stat = lstatSync(full, { throwIfNoEntry: false });
    if (stat === undefined) continue;
    if (!stat.isDirectory()) break;
    roots.push(root);
    if (OPAQUE_XATTRS.some((name) => sys().lgetxattr(full, name)?.toString() === 'y')) break;
  }
  return roots;
}

function findEntry(roots: readonly string[], path: string): SourceEntry | undefined {
  for (const root of roots) {
    const file = hostPath(root, path);
    const stat = lstatSync(file, { bigint: true, throwIfNoEntry: false });
    if (stat === undefined) continue;
    return isWhiteout(file, stat) ? undefined : describe(path, file, stat);
  }
  return undefined;
}

function rootEntry([root]: readonly string[]): SourceEntry {
  return root === undefined ? EMPTY_ROOT : describe('', root, lstatSync(root, { bigint: true }));
}

/** Of no layers (scratch). What stands for it on disk must have no attributes; nothing else of it is read. */
const EMPTY_ROOT: SourceEntry = {
  ...{ path: '', type: 'directory', mode: 0o755, uid: 0, gid: 0, size: 0 },
  ...{ mtimeNs: 0n, rdev: 0, file: '/dev/null' },
};

function describe(path: string, file: string | Buffer, stat: BigIntStats): SourceEntry {
  const { mode, uid, gid, device } = inodeOf(file, stat);
  const type = device === undefined ? typeOf(stat) : DEVICES[device.kind];
  return {
    path,
    type,
    mode,
    uid,
    gid,
    size: Number(stat.size),
    mtimeNs: stat.mtimeNs,
    rdev: device?.rdev ?? Number(stat.rdev),
    file,
    ...(type === 'symlink' ? { link: readlinkSync(file, { encoding: 'latin1' }) } : {}),
    ...(stat.nlink > 1n && type === 'file'
      ? { inode: `${String(stat.dev)}:${String(stat.ino)}` }
      : {}),
  };
}

export const DEVICES = { c: 'character-device', b: 'block-device' } as const;

export function typeOf(
  stat: Pick<
    Stats,
    'isFile' | 'isDirectory' | 'isSymbolicLink' | 'isFIFO' | 'isSocket' | 'isCharacterDevice'
  >,
): SourceEntry['type'] {
  if (stat.isFile()) return 'file';
  if (stat.isDirectory()) return 'directory';
  if (stat.isSymbolicLink()) return 'symlink';
  if (stat.isFIFO()) return 'fifo';
  if (stat.isSocket()) return 'socket';
  return stat.isCharacterDevice() ? 'character-device' : 'block-device';
}

function splitLast(path: string): [parent: string, name: string] {
  const at = path.lastIndexOf('/');
  return at === -1 ? ['', path] : [path.slice(0, at), path.slice(at + 1)];
}
