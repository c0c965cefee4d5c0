import { constants } from 'node:fs';
import { hasCode } from '../model/has-code.js';
import { errnoError } from './errno-error.js';
import { type Call, cstring, libc } from './libc.js';

/**
 * What statx(2) says of a file. A few numbers, where Node's lstat makes dates and bigints: scanning a large context is
 * mostly this.
 */
export class FileStatus {
  /** With its type bits. */
  readonly mode: number;
  readonly nlink: number;
  readonly size: number;
  readonly ino: number;
  readonly dev: readonly [major: number, minor: number];
  readonly rdev: readonly [major: number, minor: number];
  /** As Node's Stats have it: milliseconds with their fraction. */
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly #mtime: readonly [seconds: number, nanoseconds: number];

  constructor(statx: DataView) {
    this.mode = statx.getUint16(0x1c, true);
    this.nlink = statx.getUint32(0x10, true);
    this.ino = number64(statx, 0x20);
    this.size = number64(statx, 0x28);
    this.#mtime = [number64(statx, 0x70), statx.getUint32(0x78, true)];
    this.mtimeMs = this.#mtime[0] * 1000 + this.#mtime[1] / 1e6;
    this.ctimeMs = number64(statx, 0x60) * 1000 + statx.getUint32(0x68, true) / 1e6;
    this.rdev = [statx.getUint32(0x80, true), statx.getUint32(0x84, true)];
    this.dev = [statx.getUint32(0x88, true), statx.getUint32(0x8c, true)];
  }

  get mtimeNs(): bigint {
    const [seconds, nanoseconds] = this.#mtime;
    return BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds);
  }

  isFile(): boolean {
    return (this.mode & constants.S_IFMT) === constants.S_IFREG;
  }
  isDirectory(): boolean {
    return (this.mode & constants.S_IFMT) === constants.S_IFDIR;
  }
  isSymbolicLink(): boolean {
    return (this.mode & constants.S_IFMT) === constants.S_IFLNK;
  }
  isFIFO(): boolean {
    return (this.mode & constants.S_IFMT) === constants.S_IFIFO;
  }
  isSocket(): boolean {
    return (this.mode & constants.S_IFMT) === constants.S_IFSOCK;
  }
  isCharacterDevice(): boolean {
    return (this.mode & constants.S_IFMT) === constants.S_IFCHR;
  }
}

const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_EMPTY_PATH = 0x1000;
const STATX_BASIC_STATS = 0x7ff;

const bytes = Buffer.alloc(256);
const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
let calls: { readonly text: Call; readonly bytes: Call } | undefined;

/**
 * Of a path, not following a final symlink, or of an open file. A name relative to an open directory is the fastest.
 * Undefined when there is none; throws errno errors.
 */
export function fileStatus(
  file: string | Buffer | number,
  directory = AT_FDCWD,
): FileStatus | undefined {
  if (statx(file, directory) === 0) return new FileStatus(view);
  const path = typeof file === 'number' ? String(file) : file;
  const error = errnoError(libc().errno(), 'statx', path);
  if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined;
  throw error;
}

function statx(file: string | Buffer | number, directory: number): number {
  calls ??= {
    text: libc().declare('int statx(int, const char *, int, unsigned int, uint8_t *)'),
    bytes: libc().declare('int statx(int, const uint8_t *, int, unsigned int, uint8_t *)'),
  };
  if (typeof file === 'number')
    return calls.text(file, '', AT_EMPTY_PATH, STATX_BASIC_STATS, bytes);
  if (typeof file === 'string')
    return calls.text(directory, file, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, bytes);
  return calls.bytes(directory, cstring(file), AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, bytes);
}

function number64(statx: DataView, at: number): number {
  return statx.getInt32(at + 4, true) * 0x1_0000_0000 + statx.getUint32(at, true);
}
