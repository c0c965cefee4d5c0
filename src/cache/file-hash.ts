import { createHash } from 'node:crypto';
import { closeSync, constants, openSync, readSync } from 'node:fs';

const buffer = Buffer.allocUnsafe(1 << 20);

/** sha256 hex of a regular file, read through one buffer; a symlink in its place is refused. */
export function hashFile(path: string | Buffer): string {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const hash = createHash('sha256');
    for (let read = readSync(fd, buffer); read > 0; read = readSync(fd, buffer)) {
      hash.update(buffer.subarray(0, read));
    }
    return hash.digest('hex');
  } finally {
    closeSync(fd);
  }
}
