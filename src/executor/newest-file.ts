import type { TarHeader } from '../cache/tar.js';

/** Keeps the latest modification time of an archive's files. */
export class NewestFile {
  #mtimeNs: bigint | undefined;

  see({ type, mtimeNs }: TarHeader): void {
    // Go counts a hard link as a regular file.
    if (type !== 'file' && type !== 'link') return;
    if (this.#mtimeNs === undefined || mtimeNs > this.#mtimeNs) this.#mtimeNs = mtimeNs;
  }

  get seconds(): number | undefined {
    return this.#mtimeNs === undefined ? undefined : Number(this.#mtimeNs / 1_000_000_000n);
  }
}
