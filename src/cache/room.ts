import { closeSync, openSync, statfsSync, statSync } from 'node:fs';
import { BuildError } from '../model/error.js';
import { readAtLeast } from '../sys/read-at-least.js';

/** Throws BuildError `no-space`, before anything is written, where a filesystem has not so many bytes free. */
export function checkRoom(directory: string, needed: number, what: string): void {
  const { bavail, bsize } = statfsSync(directory);
  const free = bavail * bsize;
  if (needed <= free) return;
  throw new BuildError(
    'no-space',
    `no space left on ${directory}: ${what} needs at least ${String(needed)} bytes, ${String(free)} bytes are free`,
    { hint: 'free some space there: stave system prune --dry-run says what could go' },
  );
}

/** At least so many bytes are in a packed layer: what gzip says of itself (RFC 1952, ISIZE), or its own size. */
export function unpackedBytes(file: string, size: number): number {
  const stat = statSync(file, { throwIfNoEntry: false });
  if (stat === undefined || stat.size < 18) return size;
  const fd = openSync(file, 'r');
  try {
    const [head, tail] = [Buffer.alloc(2), Buffer.alloc(4)];
    readAtLeast(fd, head, 2, 0);
    readAtLeast(fd, tail, 4, stat.size - 4);
    // Of several members it is the last one's; of more than 4 GiB the rest of a division by that.
    return head.readUInt16BE() === 0x1f8b ? Math.max(size, tail.readUInt32LE()) : size;
  } finally {
    closeSync(fd);
  }
}
