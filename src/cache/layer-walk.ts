import { lstatSync, readdirSync, readlinkSync, type Stats } from 'node:fs';
import { BuildError } from '../model/error.js';
import { sys } from '../sys/sys.js';
import { deviceNumbers } from '../sys/device-number.js';
import { imageXattrs, type Inode, inodeOf } from './inode-record.js';
import type { TarHeader, TarType } from './tar.js';
import { isWhiteout } from './whiteout.js';

/** One entry of a layer directory, in tar terms. Names are latin1: a character a byte. */
export interface LayerEntry {
  readonly header: TarHeader;
  /** Where a regular file's bytes are; absent for all else. */
  readonly file?: Buffer;
}

export const WHITEOUT_PREFIX = '.wh.';
/** Overlay's mark of a directory that hides what is below it (kernel doc, overlayfs.rst). */
export const OPAQUE_XATTRS = ['trusted.overlay.opaque', 'user.overlay.opaque'];
export const OPAQUE_MARKER = '.wh..wh..opq';

/** A path under `root` as bytes. */
export function bytesUnder(root: string, path: string): Buffer {
  const rest = Buffer.from(path, 'latin1');
  return rest.length === 0 ? Buffer.from(root) : Buffer.concat([Buffer.from(`${root}/`), rest]);
}

/**
 * Entries of a directory with overlay upper semantics, as image layers write them (OCI image-spec layer.md): parents
 * first, siblings in byte order, whiteouts and opaque marks as `.wh.` names, hard links after their first name,
 * sockets left out. Times in whole seconds, as docker writes them, so that most entries need no PAX header; none later
 * than `epoch`, if it is given (seconds).
 */
export function* walkLayer(root: string, epoch = Infinity): Generator<LayerEntry> {
  yield* walkDirectory({ root, epoch, links: new Map() }, '');
}

interface Walk {
  readonly root: string;
  readonly epoch: number;
  /** First path of each multiply linked inode. */
  readonly links: Map<string, string>;
}

function* walkDirectory(walk: Walk, directory: string): Generator<LayerEntry> {
  const names = namesIn(walk, directory);
  for (const name of names) {
    const path = directory === '' ? name : `${directory}/${name}`;
    const full = bytesUnder(walk.root, path);
    const stat = lstatSync(full);
    if (stat.isSocket()) continue;
    if (isWhiteout(full, stat)) {
      yield { header: whiteout(walk, path, stat) };
      continue;
    }
    yield describe(walk, path, full, stat);
    if (!stat.isDirectory()) continue;
    if (isOpaque(full)) yield { header: marker(walk, `${path}/${OPAQUE_MARKER}`, stat) };
    yield* walkDirectory(walk, path);
  }
}

function namesIn({ root }: Walk, directory: string): string[] {
  const full = bytesUnder(root, directory);
  // A name has 255 bytes at most: what can be listed can then be looked at.
  if (full.length + 256 < PATH_MAX) return readdirSync(full, { encoding: 'latin1' }).sort();
  throw new BuildError(
    'unsupported',
    `a directory of the layer is too deep: /${directory.slice(0, 100)}...`,
    {
      hint: 'the system takes paths of 4096 bytes; make fewer directories in each other',
    },
  );
}

const PATH_MAX = 4096;

function describe(walk: Walk, path: string, full: Buffer, stat: Stats): LayerEntry {
  const first = stat.nlink > 1 && !stat.isDirectory() ? firstLink(walk, path, stat) : undefined;
  const inode = inodeOf(full, stat);
  const base = { name: path, ...metadata(walk, stat, inode) };
  if (first !== undefined) return { header: { ...base, type: 'link', size: 0, linkname: first } };
  const type = inode.device === undefined ? typeOf(stat) : DEVICES[inode.device.kind];
  const xattrs = xattrsOf(full);
  const header: TarHeader = {
    ...base,
    type,
    size: type === 'file' ? stat.size : 0,
    ...(type === 'symlink' ? { linkname: readlinkSync(full, { encoding: 'latin1' }) } : {}),
    ...(type.endsWith('-device') ? deviceOf(inode.device?.rdev ?? stat.rdev) : {}),
    ...(xattrs === undefined ? {} : { xattrs }),
  };
  return type === 'file' ? { header, file: full } : { header };
}

function firstLink(walk: Walk, path: string, stat: Stats): string | undefined {
  const inode = `${String(stat.dev)}:${String(stat.ino)}`;
  const first = walk.links.get(inode);
  if (first === undefined) walk.links.set(inode, path);
  return first;
}

const DEVICES = { c: 'character-device', b: 'block-device' } as const;

function metadata({ epoch }: Walk, stat: Stats, { mode, uid, gid }: Inode) {
  return {
    mode,
    uid,
    gid,
    mtimeNs: BigInt(Math.min(Math.floor(stat.mtimeMs / 1000), epoch)) * NS,
  };
}

const NS = 1_000_000_000n;

/** A time in whole seconds, cut as the walk cuts what stat(2) says of it. */
export function wholeSeconds(mtimeNs: bigint): bigint {
  const ms = Number(mtimeNs / NS) * 1000 + Number(mtimeNs % NS) / 1e6;
  return BigInt(Math.floor(ms / 1000)) * NS;
}

function typeOf(stat: Stats): TarType {
  if (stat.isFile()) return 'file';
  if (stat.isDirectory()) return 'directory';
  if (stat.isSymbolicLink()) return 'symlink';
  if (stat.isFIFO()) return 'fifo';
  return stat.isCharacterDevice() ? 'character-device' : 'block-device';
}

/** In the words of a tar header. */
export function deviceOf(rdev: number): { devmajor: number; devminor: number } {
  const { major, minor } = deviceNumbers(rdev);
  return { devmajor: major, devminor: minor };
}

const NOBODY: Inode = { mode: 0, uid: 0, gid: 0 };

/** `path` is the hidden entry's. */
function whiteout(walk: Walk, path: string, stat: Stats): TarHeader {
  const cut = path.lastIndexOf('/') + 1;
  return marker(walk, `${path.slice(0, cut)}${WHITEOUT_PREFIX}${path.slice(cut)}`, stat);
}

function marker(walk: Walk, name: string, stat: Stats): TarHeader {
  return { name, type: 'file', size: 0, ...metadata(walk, stat, NOBODY) };
}

/** Overlay's mark on a directory: what is below it is hidden. */
export function isOpaque(path: string | Buffer): boolean {
  return OPAQUE_XATTRS.some((name) => sys().lgetxattr(path, name)?.toString() === 'y');
}

/** What belongs to the file: capabilities and user attributes; not overlay's marks, labels or ACL caches. */
export function xattrsOf(path: Buffer): Record<string, string> | undefined {
  const xattrs = imageXattrs(path);
  if (xattrs.length === 0) return undefined;
  return Object.fromEntries(xattrs.map(([name, value]) => [name, value.toString('latin1')]));
}
