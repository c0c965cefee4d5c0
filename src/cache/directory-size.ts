import { lstatSync, readdirSync, type Stats } from 'node:fs';
import { hasCode } from '../model/has-code.js';
import { bytesUnder } from './layer-walk.js';

/**
 * Bytes in the files of a directory, each inode once, directories themselves not counted (moby's directory.Size). What
 * lies too deep for a path is left out: such a tree must be removable.
 */
export function directorySize(root: string): number {
  return walk(root, '', new Set());
}

function walk(root: string, path: string, seen: Set<string>): number {
  let bytes = 0;
  for (const name of namesIn(bytesUnder(root, path))) {
    const child = path === '' ? name : `${path}/${name}`;
    const stat = statOf(bytesUnder(root, child));
    if (stat === undefined) continue;
    if (stat.isDirectory()) {
      bytes += walk(root, child, seen);
      continue;
    }
    const inode = `${String(stat.dev)}:${String(stat.ino)}`;
    if (stat.nlink > 1 && seen.has(inode)) continue;
    if (stat.nlink > 1) seen.add(inode);
    bytes += stat.size;
  }
  return bytes;
}

/** Blocks of the disk that a directory has, with itself and its directories, in bytes: what du(1) says. */
export function diskBytes(root: string, path = ''): number {
  const full = bytesUnder(root, path);
  const own = statOf(full);
  if (own === undefined) return 0;
  const below = own.isDirectory() ? namesIn(full) : [];
  const inside = (name: string): string => (path === '' ? name : `${path}/${name}`);
  return below.reduce((sum, name) => sum + diskBytes(root, inside(name)), own.blocks * 512);
}

/** Undefined for what was removed meanwhile. */
function statOf(path: Buffer): Stats | undefined {
  try {
    return lstatSync(path);
  } catch (error) {
    if (hasCode(error, ...NOT_COUNTED)) return undefined;
    throw error;
  }
}

function namesIn(path: Buffer): string[] {
  try {
    return readdirSync(path, { encoding: 'latin1' });
  } catch (error) {
    if (hasCode(error, ...NOT_COUNTED)) return [];
    throw error;
  }
}

const NOT_COUNTED = ['ENOENT', 'ENOTDIR', 'ENAMETOOLONG'] as const;
