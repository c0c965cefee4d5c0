import { readSync } from 'node:fs';

/**
 * Reads from `position`, or where the file stands, until so many bytes are in `into` or it has no more; gives their number.
 * Only a read of nothing is the end of a file: on a network or in a FUSE filesystem one may give less than it was asked for.
 */
export function readAtLeast(
  fd: number,
  into: Uint8Array,
  bytes: number,
  position: number | null = null,
): number {
  let got = 0;
  while (got < bytes) {
    const at = position === null ? null : position + got;
    const more = readSync(fd, into, got, into.length - got, at);
    if (more === 0) break;
    got += more;
  }
  return got;
}
