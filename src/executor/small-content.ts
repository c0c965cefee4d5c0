import { closeSync } from 'node:fs';
import { changed, checkUnchanged, openUnseen } from '../cache/open-source.js';
import type { SourceEntry } from '../cache/source-tree.js';
import { hasCode } from '../model/has-code.js';
import { readAtLeast } from '../sys/read-at-least.js';

const SMALL = 128 << 10;
const buffer = Buffer.allocUnsafe(SMALL + 1);

/**
 * The bytes of a regular file that is small, valid until the next call; undefined for a larger one. Throws BuildError
 * `not-found` when it is not what it was when it was looked at: its digest is in the key already.
 */
export function smallContent(entry: SourceEntry): Buffer | undefined {
  if (entry.size > SMALL) return undefined;
  if (entry.size === 0 && entry.live === undefined) return buffer.subarray(0, 0);
  const fd = openUnseen(entry.file, entry.path);
  try {
    // Room for one more than there is, and no read only to see that there is no more: a file that grew is told by its status.
    const length = readAtLeast(fd, buffer.subarray(0, entry.size + 1), entry.size || 1);
    if (length !== entry.size) throw changed(entry.path);
    checkUnchanged(fd, entry);
    return buffer.subarray(0, length);
  } catch (error) {
    throw hasCode(error, 'EISDIR', 'EAGAIN') ? changed(entry.path) : error;
  } finally {
    closeSync(fd);
  }
}
