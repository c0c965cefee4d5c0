import { createCipheriv, createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sys } from '../../src/sys/sys.js';
import { walkMount } from '../../src/travel/walk-mount.js';
import type { StaveWorld } from './stave.js';

/** The directory of the one cache mount of an id. */
export function mountOf({ root }: StaveWorld, id: string): string {
  const found = readdirSync(join(root, 'mounts')).filter((key) => {
    const meta = readFileSync(join(root, 'mounts', key, 'meta.json'), 'utf8');
    return (JSON.parse(meta) as { id: string }).id === id;
  });
  if (found.length !== 1) throw new Error(`${String(found.length)} mounts of ${id}`);
  return join(root, 'mounts', found[0] ?? '', 'fs');
}

/** Everything of a tree that must be the same after it travelled: a line a file. */
export function treeLines(root: string): string[] {
  return [...walkMount(root)].map(({ entry, file }) => {
    const hash =
      file === undefined ? '' : createHash('sha256').update(readFileSync(file)).digest('hex');
    return JSON.stringify({ ...entry, hash });
  });
}

/** Bytes that no compressor makes smaller, the same for the same seed. */
export function noise(seed: number, length: number): Buffer {
  const key = createHash('sha256').update(String(seed)).digest();
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(length));
}

export function setXattr(file: string, name: string, value: string): void {
  sys().lsetxattr(file, name, Buffer.from(value));
}
