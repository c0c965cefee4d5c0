import { BuildError } from '../model/error.js';

/** What the zstd tool itself refuses to decode without being asked to (`--long=31`). */
const MAX_WINDOW = 128 << 20;
const MAGIC = 0xfd2fb528;

/** What of a chunk belongs to one frame. */
export interface FramePiece {
  readonly bytes: Uint8Array;
  /** Of the piece that a frame ends with: the checksum, if it has one. */
  readonly end?: { readonly checksum: number | undefined };
}

/**
 * Cuts a zstd stream into its frames (RFC 8878, 3.1) as its bytes pass, without the skippable ones: the decoder checks no
 * checksum, and allocates what a header claims, so a window over 128 MiB is refused before it gets there.
 */
export class ZstdFrames {
  #pending = Buffer.alloc(0);
  /** Bytes to pass over before the next header. */
  #skip = 0;
  #state: 'frame' | 'skippable' | 'block' | 'checksum' | 'end' = 'frame';
  #hasChecksum = false;
  #checksum: number | undefined;

  *pieces(chunk: Uint8Array): Generator<FramePiece> {
    const bytes = Buffer.concat([this.#pending, chunk]);
    let [from, at] = [0, 0];
    for (;;) {
      const passed = Math.min(this.#skip, bytes.length - at);
      at += passed;
      this.#skip -= passed;
      if (this.#skip > 0) break;
      if (this.#state === 'end')
        yield { bytes: bytes.subarray(from, at), end: { checksum: this.#checksum } };
      if (this.#state === 'end' || this.#state === 'skippable') [from, this.#state] = [at, 'frame'];
      const used = this.#header(bytes.subarray(at));
      if (used === 0) break;
      at += used;
    }
    if (at > from && this.#state !== 'skippable') yield { bytes: bytes.subarray(from, at) };
    this.#pending = Buffer.from(bytes.subarray(at));
  }

  /** Throws when the stream ends within a frame. */
  end(): void {
    if (this.#pending.length === 0 && this.#skip === 0 && this.#state === 'frame') return;
    throw new BuildError('archive', 'not valid zstd: it is cut short');
  }

  /** Length of what is read at the start, 0 when it is not all there. */
  #header(bytes: Buffer): number {
    if (this.#state === 'block') return this.#block(bytes);
    if (this.#state === 'checksum') return this.#readChecksum(bytes);
    if (bytes.length < 8) return 0;
    const magic = bytes.readUInt32LE(0);
    if (magic >>> 4 === 0x184d2a5) {
      this.#skip = bytes.readUInt32LE(4);
      this.#state = 'skippable';
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
    this.#hasChecksum = (flags & 4) !== 0;
    this.#checksum = undefined;
    this.#state = 'block';
    return length;
  }

  #block(bytes: Buffer): number {
    if (bytes.length < 3) return 0;
    const header = bytes.readUIntLE(0, 3);
    const last = (header & 1) === 1;
    const repeated = ((header >> 1) & 3) === 1;
    this.#skip = repeated ? 1 : header >> 3;
    if (last) this.#state = this.#hasChecksum ? 'checksum' : 'end';
    return 3;
  }

  #readChecksum(bytes: Buffer): number {
    if (bytes.length < 4) return 0;
    this.#checksum = bytes.readUInt32LE(0);
    this.#state = 'end';
    return 4;
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
