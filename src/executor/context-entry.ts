import { type BigIntStats, lstatSync, readlinkSync, type Stats } from 'node:fs';
import { typeOf } from '../cache/merged-view.js';
import { changed } from '../cache/open-source.js';
import type { SourceEntry } from '../cache/source-tree.js';

/** What reading a file told; both are in the stat cache. */
export interface FileFacts {
  /** sha256 hex. */
  readonly hash: string;
  /** Digest of the extended attributes; '' for none. */
  readonly xattrs: string;
}

/**
 * An entry of a build context as lstat(2) found it. Times are Node's milliseconds, which tell two states of a file apart
 * within 250 ns; whole nanoseconds cost three times as much and are asked for only by a copy.
 */
export class ContextEntry implements SourceEntry {
  readonly path: string;
  readonly at: string | Buffer;
  readonly stat: Stats;
  readonly type: SourceEntry['type'];
  readonly mode: number;
  readonly uid = 0;
  readonly gid = 0;
  readonly size: number;
  readonly rdev: number;
  readonly file: string | Buffer;
  readonly live?: true;
  readonly link?: string;
  readonly inode?: string;
  /** Once it was read. */
  facts: FileFacts | undefined = undefined;
  #mtimeNs: bigint | undefined = undefined;

  constructor(path: string, at: string | Buffer, stat: Stats) {
    this.path = path;
    this.at = at;
    this.stat = stat;
    const type = typeOf(stat);
    // A socket travels as an empty file (BuildKit's fsutil).
    this.type = type === 'socket' ? 'file' : type;
    this.mode = stat.mode & 0o7777;
    this.size = type === 'file' ? stat.size : 0;
    this.rdev = stat.rdev;
    this.file = type === 'socket' ? '/dev/null' : at;
    if (type !== 'socket') this.live = true;
    if (type === 'symlink') this.link = readlinkSync(at, { encoding: 'latin1' });
    if (type === 'file' && stat.nlink > 1) this.inode = `${String(stat.dev)}:${String(stat.ino)}`;
  }

  settle(exact: BigIntStats): void {
    if (!isExactly(this.stat, exact)) throw changed(this.path);
    this.#mtimeNs = exact.mtimeNs;
  }

  /** Throws BuildError `not-found` when what is not a directory is not what it was. */
  get mtimeNs(): bigint {
    return (this.#mtimeNs ??= this.#exactTime());
  }

  #exactTime(): bigint {
    const exact = lstatSync(this.at, { bigint: true, throwIfNoEntry: false });
    if (exact !== undefined && isExactly(this.stat, exact)) return exact.mtimeNs;
    // Something was put into it meanwhile: what it holds was listed before.
    if (this.type === 'directory') return BigInt(Math.round(this.stat.mtimeMs * 1e6));
    throw changed(this.path);
  }
}

/** The same file, unchanged, looked at twice. */
export function isSame(a: Stats, b: Stats): boolean {
  return a.ino === b.ino && a.size === b.size && a.mtimeMs === b.mtimeMs && a.ctimeMs === b.ctimeMs;
}

interface Exact {
  readonly ino: bigint;
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
}

function isExactly(stat: Stats, { ino, size, mtimeNs, ctimeNs }: Exact): boolean {
  return (
    Number(ino) === stat.ino &&
    Number(size) === stat.size &&
    milliseconds(mtimeNs) === stat.mtimeMs &&
    milliseconds(ctimeNs) === stat.ctimeMs
  );
}

const SECOND = 1_000_000_000n;

/** As Node makes `mtimeMs` of a timespec. */
function milliseconds(ns: bigint): number {
  const rest = ((ns % SECOND) + SECOND) % SECOND;
  return Number((ns - rest) / SECOND) * 1000 + Number(rest) / 1e6;
}
