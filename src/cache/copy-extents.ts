import { type BigIntStats, ftruncateSync, readSync, writeSync } from 'node:fs';
import { sys } from '../sys/sys.js';

const buffer = Buffer.allocUnsafe(1 << 20);

/** Copies a sparse file: holes stay holes. */
export function copyExtents(from: number, to: number, { size }: BigIntStats): void {
  const end = Number(size);
  for (let at = sys().seek(from, 0, 'data'); at !== undefined; at = sys().seek(from, at, 'data')) {
    const hole = sys().seek(from, at, 'hole') ?? end;
    while (at < hole) {
      const read = readSync(from, buffer, 0, Math.min(buffer.length, hole - at), at);
      if (read === 0) break;
      for (let done = 0; done < read;) done += writeSync(to, buffer, done, read - done, at + done);
      at += read;
    }
    if (at < hole) break;
  }
  ftruncateSync(to, end);
}
