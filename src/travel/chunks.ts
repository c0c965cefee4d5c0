import { readSync } from 'node:fs';

/*
 * Content-defined chunks: a cut is where a rolling hash of the last 32 bytes says so, hence where the bytes around it
 * are the same, wherever in the file they lie (FastCDC: Xia et al., USENIX ATC 2016, with its two masks, so that sizes
 * stay near the average). Caches are many small files, and large ones that are written to here and there: small chunks
 * are what makes a second export small; that they travel in packs makes them few.
 */

const MIN = 16 << 10;
const AVERAGE = 64 << 10;
export const MAX_CHUNK = 256 << 10;
/** More bits before the average, fewer after it. */
const HARD = 0xffff_c000 | 0;
const EASY = 0xfffc_0000 | 0;

const GEAR = gear();

/** 256 random numbers, always the same (splitmix32). */
function gear(): Int32Array {
  let state = 0x5741_5645;
  return Int32Array.from({ length: 256 }, () => {
    state = (state + 0x9e37_79b9) | 0;
    let z = Math.imul(state ^ (state >>> 16), 0x21f0_aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a_2d97);
    return z ^ (z >>> 15);
  });
}

/** Length of the first chunk of `bytes`; all of them when they are the last of a file and no cut is in them. */
export function cut(bytes: Uint8Array): number {
  const end = Math.min(bytes.length, MAX_CHUNK);
  if (end <= MIN) return end;
  const middle = Math.min(AVERAGE, end);
  let hash = 0;
  let at = MIN;
  for (; at < middle; at++) {
    hash = ((hash << 1) + (GEAR[bytes[at] ?? 0] ?? 0)) | 0;
    if ((hash & HARD) === 0) return at + 1;
  }
  for (; at < end; at++) {
    hash = ((hash << 1) + (GEAR[bytes[at] ?? 0] ?? 0)) | 0;
    if ((hash & EASY) === 0) return at + 1;
  }
  return end;
}

const WINDOW = 4 << 20;

/** The chunks of an open file, in order. Their bytes are valid until the next is asked for. */
export function* chunksOf(fd: number): Generator<Uint8Array> {
  const buffer = Buffer.allocUnsafe(WINDOW);
  let [start, end, ended] = [0, 0, false];
  for (;;) {
    if (!ended && end - start < MAX_CHUNK) {
      buffer.copyWithin(0, start, end);
      [start, end] = [0, end - start];
      while (end < WINDOW && !ended) {
        const read = readSync(fd, buffer, end, WINDOW - end, null);
        ended = read === 0;
        end += read;
      }
    }
    if (start === end) return;
    const length = cut(buffer.subarray(start, end));
    yield buffer.subarray(start, start + length);
    start += length;
  }
}
