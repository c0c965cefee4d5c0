import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  linkSync,
  mkdirSync,
  openSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { giveMode, giveOwner, makeNode } from '../cache/give-owner.js';
import { giveXattr } from '../cache/inode-record.js';
import { bytesUnder } from '../cache/layer-walk.js';
import { BuildError } from '../model/error.js';
import { hasCode } from '../model/has-code.js';
import { sys } from '../sys/sys.js';
import type { MountIndex, TravelEntry, TravelMount } from './mount-index.js';

/*
 * What comes from elsewhere is made below an empty directory of our own that nobody else can reach. Every parent must be
 * a directory that was made here before, so no entry is ever found through a link; files are made, never opened by name
 * of somebody's; a hard link leads to a file that was made here.
 */

const S_IFCHR = 0o020000;
const S_IFBLK = 0o060000;
const S_IFIFO = 0o010000;
const NEW = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const WRITE = constants.O_WRONLY | constants.O_NOFOLLOW;

/** A place in a file that waits for a chunk. */
interface Wanted {
  readonly file: Buffer;
  readonly offset: number;
}

/** Makes the files of mounts, without content yet; tells which chunks go where. */
export class MountTree {
  readonly #root: string;
  readonly #mount: TravelMount;

  /** `root` is an empty directory. */
  constructor(root: string, mount: TravelMount) {
    [this.#root, this.#mount] = [root, mount];
  }

  /** Throws BuildError `archive` on a name that would leave the directory, or be found through a link. */
  make(): void {
    const made = new Map<string, TravelEntry['type']>();
    for (const [i, entry] of this.#mount.entries.entries()) {
      if (i === 0) {
        if (entry.path !== '' || entry.type !== 'directory') throw hostile(entry, 'not the mount');
      } else {
        checkPath(entry, made);
        this.#makeOne(entry, made);
      }
      made.set(entry.path, entry.type);
    }
    if (made.size === 0) throw new BuildError('archive', 'a cache mount without its directory');
  }

  /** Which chunks, by number, its files need at which places. */
  wants(lengths: readonly number[], put: (chunk: number, wanted: Wanted) => void): void {
    for (const entry of this.#mount.entries) {
      const file = bytesUnder(this.#root, entry.path);
      let offset = 0;
      for (const chunk of entry.chunks ?? []) {
        put(chunk, { file, offset });
        offset += lengths[chunk] ?? 0;
      }
      if (offset !== (entry.size ?? 0)) throw hostile(entry, 'its chunks are not its size');
    }
  }

  /** Owners, modes, attributes and times, of what is deepest first: after all content. */
  finish(): void {
    for (const entry of this.#mount.entries.toReversed())
      if (entry.type !== 'link') setFacts(bytesUnder(this.#root, entry.path), entry);
  }

  #makeOne(entry: TravelEntry, made: ReadonlyMap<string, TravelEntry['type']>): void {
    const { path, type, link = '', mode, device: [major, minor] = [0, 0] } = entry;
    const full = bytesUnder(this.#root, path);
    if (type === 'directory') mkdirSync(full, 0o700);
    else if (type === 'file') closeSync(openSync(full, NEW, 0o600));
    else if (type === 'symlink') symlinkSync(Buffer.from(link, 'latin1'), full);
    else if (type === 'fifo') sys().mknod(full, S_IFIFO | 0o600, 0, 0);
    else if (type === 'link') {
      const target = made.get(link);
      if (target === undefined || target === 'directory' || target === 'link')
        throw hostile(entry, 'a hard link to what is no file of this mount');
      makeLink(bytesUnder(this.#root, link), full, entry);
    } else makeNode(full, (type === 'block-device' ? S_IFBLK : S_IFCHR) | mode, major, minor);
  }
}

function makeLink(target: Buffer, full: Buffer, entry: TravelEntry): void {
  try {
    linkSync(target, full);
  } catch (error) {
    throw hasCode(error, 'EMLINK') ? hostile(entry, 'too many links to one file') : error;
  }
}

const MAX_DEPTH = 1024;

function checkPath(entry: TravelEntry, made: ReadonlyMap<string, TravelEntry['type']>): void {
  const { path } = entry;
  const parts = path.split('/');
  if (path.includes('\0')) throw hostile(entry, 'a NUL in its name');
  if (parts.some((part) => part === '' || part === '.' || part === '..'))
    throw hostile(entry, 'its path is not plain');
  if (parts.length > MAX_DEPTH || parts.some((part) => part.length > 255))
    throw hostile(entry, 'its path is too long');
  if (made.has(path)) throw hostile(entry, 'it is there twice');
  const parent = path.slice(0, Math.max(0, path.lastIndexOf('/')));
  if (made.get(parent) !== 'directory') throw hostile(entry, 'its parent is no directory');
}

function setFacts(full: Buffer, entry: TravelEntry): void {
  const { uid, gid, mode, type, mtime, xattrs = {} } = entry;
  giveOwner(full, uid, gid);
  // A device that could not be made is a file with a note, which giveMode leaves.
  if (type !== 'symlink') giveMode(full, mode);
  for (const [name, value] of Object.entries(xattrs))
    giveXattr(full, name, Buffer.from(value, 'latin1'));
  const time = BigInt(mtime);
  sys().utimens(full, time, time);
}

/** Writes the chunks of one pack to all files that want them. `first` is the number of its first chunk. */
export function writeChunks(
  bytes: Buffer,
  chunks: MountIndex['packs'][number]['chunks'],
  wantedOf: (index: number) => readonly Wanted[],
): void {
  let from = 0;
  for (const [i, [hex, length]] of chunks.entries()) {
    const chunk = bytes.subarray(from, from + length);
    from += length;
    const wanted = wantedOf(i);
    if (wanted.length === 0) continue;
    if (createHash('sha256').update(chunk).digest('hex') !== hex)
      throw new BuildError('integrity', `chunk ${hex} has other content than it says`);
    for (const { file, offset } of wanted) writeAt(file, chunk, offset);
  }
}

function writeAt(file: Buffer, chunk: Buffer, offset: number): void {
  const fd = openSync(file, WRITE);
  try {
    for (let at = 0; at < chunk.length;)
      at += writeSync(fd, chunk, at, chunk.length - at, offset + at);
  } finally {
    closeSync(fd);
  }
}

function hostile({ path }: TravelEntry, why: string): BuildError {
  const shown = JSON.stringify(Buffer.from(path, 'latin1').toString());
  return new BuildError('archive', `refusing ${shown} of a cache mount: ${why}`);
}
