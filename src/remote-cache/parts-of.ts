import type { Bytes } from '../model/stores.js';

/** Pieces of one length, the last of what is left. */
export async function* partsOf(bytes: Bytes, length: number): AsyncGenerator<Buffer> {
  let parts: Uint8Array[] = [];
  let size = 0;
  for await (let chunk of bytes) {
    while (size + chunk.length >= length) {
      const cut = length - size;
      yield Buffer.concat([...parts, chunk.subarray(0, cut)]);
      [parts, size] = [[], 0];
      chunk = chunk.subarray(cut);
    }
    if (chunk.length > 0) parts.push(chunk);
    size += chunk.length;
  }
  if (size > 0) yield Buffer.concat(parts);
}
