import { BuildError } from '../model/error.js';

/** What the zstd tool itself refuses to decode without being asked to (`--long=31`). */
const MAX_WINDOW = 128 << 20;
const MAGIC = 0xfd2fb528;

/**
 * Follows the frames of a zstd stream (RFC 8878, 3.1) as its bytes pass, because the decoder allocates what a header
 * claims: a window over 128 MiB is refused before it gets there.
 */
export class ZstdGuard {
  #pending = Buffer.alloc(0);
  /** Bytes to pass over before the next header. */
  #skip = 0;
  #expects: 'frame' | 'block' = 'frame';
  #checksum = 0;

  check(chunk: Uint8Array): void {
    let bytes = Buffer.concat([this.#pending, chunk]);
    for (;;) {
      const skipped = Math.min(this.#skip, bytes.length);
      this.#skip -= skipped;
      bytes = bytes.subarray(skipped);
      const used = this.#skip > 0 ? 0 : this.#header(bytes);
      if (used === 0) break;
      bytes = bytes.subarray(used);
    }
    this.#pending = Buffer.from(bytes);
  }

  /** Length of the header at the start, 0 when it is not all there. */
  #header(bytes: Buffer): number {
    if (this.#expects === 'block') return this.#block(bytes);
    if (bytes.length < 8) return 0;
    const magic = bytes.readUInt32LE(0);
    if (magic >>> 4 === 0x184d2a5) {
      this.#skip = bytes.readUInt32LE(4);
      return 8;
    }
    if (magic !== MAGIC) throw new BuildError('archive', 'not valid zstd: a bad frame');
    return this.#frame(bytes);
  }

  #frame(bytes: Buffer): number {
    const flags = bytes[4] ?? 0;
    const single = (flags & 0x20) !== 0;
    const dictionary = [0, 1, 2, 4][flags & 3] ?? 0;
    const sizeBytes = [single ? 1 : 0, 2, 4, 8][flags >> 6] ?? 0;
    const length = 5 + (single ? 0 : 1) + dictionary + sizeBytes;
    if (bytes.length < length) return 0;
    const window = single
      ? sizeOf(bytes.subarray(length - sizeBytes, length))
      : windowOf(bytes[5] ?? 0);
    if (window > MAX_WINDOW) {
      throw new BuildError('archive', `zstd window of ${String(window)} bytes is over 128 MiB`);
    }
    this.#checksum = (flags & 4) === 0 ? 0 : 4;
    this.#expects = 'block';
    return length;
  }

  #block(bytes: Buffer): number {
    if (bytes.length < 3) return 0;
    const header = bytes.readUIntLE(0, 3);
    const last = (header & 1) === 1;
    const repeated = ((header >> 1) & 3) === 1;
    this.#skip = (repeated ? 1 : header >> 3) + (last ? this.#checksum : 0);
    if (last) this.#expects = 'frame';
    return 3;
  }
}

function windowOf(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}

/** Two bytes count from 256. */
function sizeOf(bytes: Buffer): number {
  if (bytes.length === 8) return Number(bytes.readBigUInt64LE(0));
  return bytes.readUIntLE(0, bytes.length) + (bytes.length === 2 ? 256 : 0);
}
