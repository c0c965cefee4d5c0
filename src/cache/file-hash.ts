import { createHash, hash as hashOnce } from 'node:crypto';
import { closeSync, constants, openSync } from 'node:fs';
import { readAtLeast } from '../sys/read-at-least.js';
import { sys } from '../sys/sys.js';

const buffer = Buffer.allocUnsafe(1 << 20);

/** What one reading of a regular file tells. */
export interface ReadFile {
  /** sha256 hex. */
  readonly hash: string;
  readonly hasXattrs: boolean;
  /** The bytes, where the file is no longer than was asked for. */
  readonly content?: Buffer;
}

/** sha256 hex of a regular file, read through one buffer; a symlink in its place is refused. */
export function hashFile(path: string | Buffer): string {
  const fd = openRegular(path);
  try {
    return readAll(fd, 0).hash;
  } finally {
    closeSync(fd);
  }
}

/** As `hashFile`; the bytes of a file of at most `keep` bytes are handed out. */
export function readFile(path: string | Buffer, keep: number): ReadFile {
  const fd = openRegular(path);
  try {
    return { ...readAll(fd, keep), hasXattrs: sys().hasXattrs(fd) };
  } finally {
    closeSync(fd);
  }
}

function openRegular(path: string | Buffer): number {
  return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
}

function readAll(fd: number, keep: number): Omit<ReadFile, 'hasXattrs'> {
  const first = readAtLeast(fd, buffer, buffer.length);
  if (first < buffer.length) {
    const bytes = buffer.subarray(0, first);
    const hash = hashOnce('sha256', bytes, 'hex');
    return first <= keep ? { hash, content: Buffer.from(bytes) } : { hash };
  }
  const hash = createHash('sha256').update(buffer);
  for (let read = buffer.length; read === buffer.length;) {
    read = readAtLeast(fd, buffer, buffer.length);
    hash.update(buffer.subarray(0, read));
  }
  return { hash: hash.digest('hex') };
}
