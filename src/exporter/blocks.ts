import type { Bytes } from '../model/stores.js';

const BLOCK = 1 << 20;

/** Pieces of 1 MiB, the last of what is left. At least one, so that nothing compresses to a valid empty member. */
export async function* blocks(bytes: Bytes): AsyncGenerator<Uint8Array> {
  let parts: Uint8Array[] = [];
  let size = 0;
  let any = false;
  for await (let chunk of bytes) {
    while (size + chunk.length >= BLOCK) {
      const cut = BLOCK - size;
      yield Buffer.concat([...parts, chunk.subarray(0, cut)]);
      any = true;
      chunk = chunk.subarray(cut);
      [parts, size] = [[], 0];
    }
    if (chunk.length > 0) parts.push(chunk);
    size += chunk.length;
  }
  if (size > 0 || !any) yield Buffer.concat(parts);
}
