import { closeSync, constants, openSync } from 'node:fs';
import { errnoError } from './errno-error.js';
import { type FileStatus, statusAt } from './file-status.js';
import { type Call, libc } from './libc.js';

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
  const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const found: NamedStatus[] = [];
    for (let length = read(fd, directory); length > 0; length = read(fd, directory))
      collect(fd, length, found);
    return found.sort((a, b) => (a.name < b.name ? -1 : 1));
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
