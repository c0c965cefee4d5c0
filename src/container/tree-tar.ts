import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readSync,
  type Stats,
} from 'node:fs';
import { imageXattrs, inodeOf } from '../cache/inode-record.js';
import { deviceOf } from '../cache/layer-walk.js';
import { encodeHeader, padding, tarEnd, type TarHeader } from '../cache/tar.js';
import { hasCode } from '../model/has-code.js';
import type { Bytes } from '../model/stores.js';
import { entryPath, readLinkAt } from './inside.js';

export interface TreeTarOptions {
  /** Name (latin1) of the entry in the archive; '' for a directory's content under `./`. */
  readonly as: string;
  /** Filesystems left out: a directory that is one of them is empty. */
  readonly hidden: ReadonlySet<number>;
  /** Stay on the root's filesystem. */
  readonly oneFilesystem?: boolean;
  /** Names without `./`, and no entry for the directory itself. */
  readonly bare?: boolean;
  readonly signal: AbortSignal;
}

interface Walk extends TreeTarOptions {
  /** First name of each inode with several. */
  readonly links: Map<string, string>;
  readonly device: number;
  readonly buffer: Buffer;
}

const CHUNK = 1 << 20;

/**
 * An entry of an open directory as a tar, with all below it, as it is now: directories are held by descriptor while they
 * are read and no link is followed, so nothing that changes meanwhile leads elsewhere. Sockets are left out.
 */
// eslint-disable-next-line @typescript-eslint/require-await -- pulled like every other source of bytes
export async function* treeTar(directory: number, name: string, options: TreeTarOptions): Bytes {
  const device = fstatSync(directory).dev;
  const walk = { ...options, links: new Map(), device, buffer: Buffer.allocUnsafe(CHUNK) };
  yield* entry(walk, entryPath(directory, name), options.as === '' ? '.' : options.as);
  yield tarEnd();
}

function* entry(walk: Walk, path: Buffer, name: string): Generator<Uint8Array> {
  walk.signal.throwIfAborted();
  const stat = lstatSync(path, { throwIfNoEntry: false });
  // Gone since its directory was read, or a socket.
  if (stat === undefined || stat.isSocket()) return;
  if (stat.isFile()) yield* file(walk, path, name);
  else if (stat.isDirectory()) yield* directory(walk, path, name);
  else {
    const header = ifThere(() => ({ ...headerOf(stat, name, path), ...special(stat, path) }));
    if (header !== undefined) yield encodeHeader(header);
  }
}

function* directory(walk: Walk, path: Buffer, name: string): Generator<Uint8Array> {
  const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
  const fd = openIfThere(path, flags);
  if (fd === undefined) return;
  try {
    const stat = fstatSync(fd);
    const bare = walk.bare === true && name === '.';
    const header = ifThere(() => headerOf(stat, name, path));
    if (header === undefined) return;
    if (!bare) yield encodeHeader({ ...header, type: 'directory' });
    if (isForeign(walk, stat)) return;
    const at = `/proc/self/fd/${String(fd)}`;
    for (const child of readdirSync(at, { encoding: 'latin1' }).sort())
      yield* entry(walk, entryPath(fd, child), bare ? child : `${name}/${child}`);
  } finally {
    closeSync(fd);
  }
}

function isForeign({ hidden, oneFilesystem, device }: Walk, { dev }: Stats): boolean {
  return hidden.has(dev) || (oneFilesystem === true && dev !== device);
}

/** O_NONBLOCK: it may have become a FIFO since it was looked at. */
function* file(walk: Walk, path: Buffer, name: string): Generator<Uint8Array> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const fd = openIfThere(path, flags);
  if (fd === undefined) return;
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) return;
    const header = ifThere(() => headerOf(stat, name, path));
    if (header === undefined) return;
    const first = firstName(walk, stat, name);
    if (first !== undefined) {
      yield encodeHeader({ ...header, type: 'link', linkname: first });
      return;
    }
    // What is mounted on a file is not its content.
    const size = isForeign(walk, stat) ? 0 : stat.size;
    yield encodeHeader({ ...header, type: 'file', size });
    yield* content(walk, fd, size);
    yield padding(size);
  } finally {
    closeSync(fd);
  }
}

function firstName({ links }: Walk, stat: Stats, name: string): string | undefined {
  if (stat.nlink < 2) return undefined;
  const inode = `${String(stat.dev)}:${String(stat.ino)}`;
  const first = links.get(inode);
  if (first === undefined) links.set(inode, name);
  return first;
}

/** Exactly as many bytes as the header says: what a file lost meanwhile is zeros, what it won is left out. */
function* content({ buffer, signal }: Walk, fd: number, size: number): Generator<Uint8Array> {
  for (let left = size; left > 0;) {
    signal.throwIfAborted();
    const wanted = Math.min(buffer.length, left);
    const read = readSync(fd, buffer, 0, wanted, null);
    if (read === 0) buffer.fill(0, 0, wanted);
    const length = read === 0 ? wanted : read;
    left -= length;
    yield Buffer.from(buffer.subarray(0, length));
  }
}

function openIfThere(path: Buffer, flags: number): number | undefined {
  return ifThere(() => openSync(path, flags));
}

/** Undefined when the entry is gone, or of another kind by now. */
function ifThere<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO', 'EINVAL')) return undefined;
    throw error;
  }
}

function headerOf(stat: Stats, name: string, path: Buffer): Omit<TarHeader, 'type'> {
  const xattrs = imageXattrs(path).map(([key, value]) => [key, value.toString('latin1')] as const);
  const { mode, uid, gid } = inodeOf(path, stat);
  return {
    name,
    mode,
    uid,
    gid,
    size: 0,
    mtimeNs: BigInt(Math.floor(stat.mtimeMs / 1000)) * 1_000_000_000n,
    ...(xattrs.length === 0 ? {} : { xattrs: Object.fromEntries(xattrs) }),
  };
}

function special(stat: Stats, path: Buffer): Pick<TarHeader, 'type' | 'linkname'> {
  if (stat.isSymbolicLink()) return { type: 'symlink', linkname: readLinkAt(path) };
  if (stat.isFIFO()) return { type: 'fifo' };
  const type = stat.isCharacterDevice() ? 'character-device' : 'block-device';
  return { type, ...deviceOf(stat.rdev) };
}
