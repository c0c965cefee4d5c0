import { createHash } from 'node:crypto';
import type { Path } from '../sys/sys.js';
import { imageXattrs } from './inode-record.js';

/** The extended attributes a COPY keeps (and a key holds): file capabilities and the user's own, overlay's marks not. */
export function copiedXattrs(file: Path): readonly (readonly [name: string, value: Buffer])[] {
  return imageXattrs(file);
}

/** One digest for all of them; '' for none. */
export function xattrDigest(file: Path): string {
  const xattrs = copiedXattrs(file);
  if (xattrs.length === 0) return '';
  const hash = createHash('sha256');
  for (const [name, value] of xattrs) {
    hash.update(`${String(name.length)}:${name}${String(value.length)}:`, 'latin1').update(value);
  }
  return hash.digest('hex');
}
