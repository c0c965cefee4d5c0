import { lstatSync, readdirSync } from 'node:fs';
import { hasCode } from '../model/has-code.js';
import { bytesUnder } from './layer-walk.js';

/** Bytes in the files of a directory, each inode once, directories themselves not counted (moby's directory.Size). */
export function directorySize(root: string): number {
  return walk(root, '', new Set());
}

function walk(root: string, path: string, seen: Set<string>): number {
  let bytes = 0;
  for (const name of namesIn(bytesUnder(root, path))) {
    const child = path === '' ? name : `${path}/${name}`;
    const stat = lstatSync(bytesUnder(root, child), { throwIfNoEntry: false });
    if (stat === undefined) continue; // Removed meanwhile.
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
export function diskBytes(root: string): number {
  const own = lstatSync(root, { throwIfNoEntry: false });
  if (own === undefined) return 0;
  const below = own.isDirectory() ? namesIn(Buffer.from(root)) : [];
  return below.reduce((sum, name) => sum + diskBytes(`${root}/${name}`), own.blocks * 512);
}

function namesIn(path: Buffer): string[] {
  try {
    return readdirSync(path, { encoding: 'latin1' });
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}
