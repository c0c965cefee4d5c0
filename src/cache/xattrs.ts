import { createHash } from 'node:crypto';
import type { Path } from '../sys/sys.js';
import { imageXattrs } from './inode-record.js';

/** One digest for all attributes a COPY keeps; '' for none. */
export function xattrDigest(file: Path): string {
  const xattrs = imageXattrs(file);
  if (xattrs.length === 0) return '';
  const hash = createHash('sha256');
  for (const [name, value] of xattrs) {
    hash.update(`${String(name.length)}:${name}${String(value.length)}:`, 'latin1').update(value);
  }
  return hash.digest('hex');
}
