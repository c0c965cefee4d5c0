import { createHash } from 'node:crypto';
import { type Path, sys } from '../sys/sys.js';

/** The extended attributes a COPY keeps (and a key holds): file capabilities and the user's own, overlay's marks not. */
export function copiedXattrs(file: Path): readonly (readonly [name: string, value: Buffer])[] {
  return sys()
    .llistxattr(file)
    .filter((name) => name === 'security.capability' || /^user\.(?!overlay\.)/.test(name))
    .sort()
    .flatMap((name) => {
      const value = sys().lgetxattr(file, name);
      return value === undefined ? [] : [[name, value] as const];
    });
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
