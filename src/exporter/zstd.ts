import type { Bytes } from '../model/stores.js';
import { blocks } from './blocks.js';

/**
 * zstd in frames of 1 MiB (RFC 8878 allows concatenated frames; every reader of layers takes them). Same bytes in, same
 * bytes out.
 */
export async function* zstdFrames(bytes: Bytes, level = 3): Bytes {
  // Node 20 has no zstd; the library is loaded by a build that asks for it.
  const { Zstd } = await import('@hpcc-js/wasm-zstd');
  const zstd = await Zstd.load();
  for await (const block of blocks(bytes)) {
    // What it gives lies in memory that the next call uses again.
    yield Uint8Array.from(zstd.compress(block, level));
  }
}
