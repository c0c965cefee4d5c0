import { closeSync, constants, openSync, readdirSync } from 'node:fs';
import { errnoError } from './errno-error.js';
import { FileStatus, statusAt } from './file-status.js';
import { type Call, libc } from './libc.js';
import { areFew, statusWords } from './node-status.js';

/** A name in a directory (latin1 bytes) and what is under it. */
export interface NamedStatus {
  readonly name: string;
  readonly status: FileStatus;
}

const ROOM = 64 << 10;
/** struct linux_dirent64: ino, off (8 bytes each), reclen (2), type (1), name. */
const RECLEN = 16;
const NAME = 19;

const entries = Buffer.alloc(ROOM);
let address: number | undefined;
let getdents: Call | undefined;

/**
 * What is in a directory, by getdents64(2) and statx(2), sorted by the names' bytes. The names stay where the kernel wrote
 * them: neither a string nor a path is made for a call. Throws errno errors.
 */
export function directoryStatuses(directory: string | Buffer): readonly NamedStatus[] {
  return few(directory) ?? many(directory);
}

/** Undefined where there is much to look at. */
function few(directory: string | Buffer): readonly NamedStatus[] | undefined {
  if (!areFew(0)) return undefined;
  const names = readdirSync(directory, { encoding: 'latin1' });
  if (!areFew(names.length)) return undefined;
  const found = names.flatMap((name) => {
    const words = statusWords(fileIn(directory, name));
    return words === undefined ? [] : [{ name, status: new FileStatus(words) }];
  });
  return sorted(found);
}

function fileIn(directory: string | Buffer, name: string): Buffer {
  return Buffer.concat([Buffer.from(directory), SLASH, Buffer.from(name, 'latin1')]);
}

const SLASH = Buffer.from('/');

function sorted(found: NamedStatus[]): readonly NamedStatus[] {
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function many(directory: string | Buffer): readonly NamedStatus[] {
  const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const found: NamedStatus[] = [];
    for (let length = read(fd, directory); length > 0; length = read(fd, directory))
      collect(fd, length, found);
    return sorted(found);
  } finally {
    closeSync(fd);
  }
}

function read(fd: number, directory: string | Buffer): number {
  address ??= libc().address(entries);
  getdents ??= libc().declare('intptr_t getdents64(int, uintptr_t, size_t)');
  const length = getdents(fd, address, ROOM);
  if (length < 0) throw errnoError(libc().errno(), 'getdents64', directory);
  return length;
}

function collect(fd: number, length: number, found: NamedStatus[]): void {
  for (let at = 0; at < length; at += entries.readUInt16LE(at + RECLEN)) {
    const start = at + NAME;
    const name = entries.toString('latin1', start, entries.indexOf(0, start));
    if (name === '.' || name === '..') continue;
    const status = statusAt(fd, (address ?? 0) + start, name);
    // Removed since it was listed.
    if (status !== undefined) found.push({ name, status });
  }
}
