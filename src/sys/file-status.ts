import { constants } from 'node:fs';
import { hasCode } from '../model/has-code.js';
import { errnoError } from './errno-error.js';
import { type Call, cstring, libc } from './libc.js';
import { areFew, statusWords } from './node-status.js';

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
  readonly devMajor: number;
  readonly devMinor: number;
  readonly rdevMajor: number;
  readonly rdevMinor: number;
  /** As Node's Stats have it: milliseconds with their fraction. */
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly #seconds: number;
  readonly #nanoseconds: number;

  /** `statx`: struct statx in words of four bytes (statx(2)), or as much of it as is read here. */
  constructor(statx: Uint32Array) {
    this.mode = word(statx, 0x1c) & 0xffff;
    this.nlink = word(statx, 0x10);
    this.ino = number64(statx, 0x20);
    this.size = number64(statx, 0x28);
    this.#seconds = number64(statx, 0x70);
    this.#nanoseconds = word(statx, 0x78);
    this.mtimeMs = this.#seconds * 1000 + this.#nanoseconds / 1e6;
    this.ctimeMs = number64(statx, 0x60) * 1000 + word(statx, 0x68) / 1e6;
    this.rdevMajor = word(statx, 0x80);
    this.rdevMinor = word(statx, 0x84);
    this.devMajor = word(statx, 0x88);
    this.devMinor = word(statx, 0x8c);
  }

  get mtimeNs(): bigint {
    return BigInt(this.#seconds) * 1_000_000_000n + BigInt(this.#nanoseconds);
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

const words = new Uint32Array(64);
const bytes = Buffer.from(words.buffer);
let calls: { readonly text: Call; readonly bytes: Call } | undefined;
let byAddress: { readonly call: Call; readonly result: number } | undefined;

/**
 * Of a path, not following a final symlink, or of an open file. Undefined when there is none; throws errno errors.
 */
export function fileStatus(file: string | Buffer | number): FileStatus | undefined {
  if (areFew(1)) {
    const found = statusWords(file);
    return found && new FileStatus(found);
  }
  if (statx(file) === 0) return new FileStatus(words);
  mustBeGone(typeof file === 'number' ? String(file) : file);
  return undefined;
}

/** Of a name in an open directory, whose bytes and their NUL are at an address. */
export function statusAt(directory: number, address: number, name: string): FileStatus | undefined {
  byAddress ??= {
    call: libc().declare('int statx(int, uintptr_t, int, unsigned int, uintptr_t)'),
    result: libc().address(bytes),
  };
  const { call, result } = byAddress;
  if (call(directory, address, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, result) === 0)
    return new FileStatus(words);
  mustBeGone(name);
  return undefined;
}

function mustBeGone(path: string | Buffer): void {
  const error = errnoError(libc().errno(), 'statx', path);
  if (!hasCode(error, 'ENOENT', 'ENOTDIR')) throw error;
}

function statx(file: string | Buffer | number): number {
  calls ??= {
    text: libc().declare('int statx(int, const char *, int, unsigned int, uint8_t *)'),
    bytes: libc().declare('int statx(int, const uint8_t *, int, unsigned int, uint8_t *)'),
  };
  if (typeof file === 'number')
    return calls.text(file, '', AT_EMPTY_PATH, STATX_BASIC_STATS, bytes);
  if (typeof file === 'string')
    return calls.text(AT_FDCWD, file, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, bytes);
  return calls.bytes(AT_FDCWD, cstring(file), AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, bytes);
}

/** Machines that Node 20 and Docker run on are little-endian. */
function word(statx: Uint32Array, at: number): number {
  return statx[at >> 2] ?? 0;
}

function number64(statx: Uint32Array, at: number): number {
  return (word(statx, at + 4) | 0) * 0x1_0000_0000 + word(statx, at);
}
