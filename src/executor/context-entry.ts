import { readlinkSync } from 'node:fs';
import { typeOf } from '../cache/merged-view.js';
import { hostPath, type SourceEntry } from '../cache/source-tree.js';
import type { FileStatus } from '../sys/file-status.js';
import { deviceNumber } from '../sys/sys.js';

/** What reading a file told; both are in the stat cache. */
export interface FileFacts {
  /** sha256 hex. */
  readonly hash: string;
  /** Digest of the extended attributes; '' for none. */
  readonly xattrs: string;
}

/** An entry of a build context as it was when it was looked at. */
export class ContextEntry implements SourceEntry {
  readonly path: string;
  readonly stat: FileStatus;
  readonly type: SourceEntry['type'];
  readonly mode: number;
  readonly uid = 0;
  readonly gid = 0;
  readonly size: number;
  readonly live?: true;
  readonly link?: string;
  readonly inode?: string;
  /** Once it was read. */
  facts: FileFacts | undefined = undefined;

  readonly #root: string;

  /** `root`: the directory that `path` is below. */
  constructor(root: string, path: string, stat: FileStatus) {
    this.#root = root;
    this.path = path;
    this.stat = stat;
    const type = typeOf(stat);
    this.type = type === 'socket' ? 'file' : type;
    this.mode = stat.mode & 0o7777;
    this.size = type === 'file' ? stat.size : 0;
    if (type !== 'socket') this.live = true;
    if (type === 'symlink') this.link = readlinkSync(this.file, { encoding: 'latin1' });
    if (type === 'file' && stat.nlink > 1)
      this.inode = [stat.devMajor, stat.devMinor, stat.ino].join(':');
  }

  /** A socket travels as an empty file (BuildKit's fsutil). */
  get file(): string | Buffer {
    return this.live === true ? hostPath(this.#root, this.path) : '/dev/null';
  }

  get mtimeNs(): bigint {
    return this.stat.mtimeNs;
  }

  get rdev(): number {
    return Number(deviceNumber(this.stat.rdevMajor, this.stat.rdevMinor));
  }

  isStill(now: FileStatus): boolean {
    return isSame(this.stat, now);
  }
}

/** The same file, unchanged, looked at twice. */
export function isSame(a: FileStatus, b: FileStatus): boolean {
  return a.ino === b.ino && a.size === b.size && a.mtimeNs === b.mtimeNs && a.ctimeMs === b.ctimeMs;
}
