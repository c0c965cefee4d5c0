import { gzip } from 'node:zlib';
import { promisify } from 'node:util';
import type { Bytes } from '../model/stores.js';

const BLOCK = 1 << 20;
const IN_FLIGHT = 4;

/**
 * gzip in members of 1 MiB, several at a time on Node's thread pool (RFC 1952 allows concatenated members; every
 * reader of layers takes them). Same bytes in, same bytes out: no time, no name, fixed blocks.
 */
export async function* gzipParallel(bytes: Bytes, level = 6): Bytes {
  // Here, so that zlib is not loaded by a build that compresses nothing.
  const gzipBlock = promisify<Uint8Array, { level: number }, Buffer>(gzip);
  const running: Promise<Buffer>[] = [];
  for await (const block of blocks(bytes)) {
    const started = gzipBlock(block, { level });
    // A later block's failure must not surface before its turn.
    started.catch(() => undefined);
    running.push(started);
    const first = running.length >= IN_FLIGHT ? running.shift() : undefined;
    if (first !== undefined) yield await first;
  }
  for (const rest of running) yield await rest;
}

/** At least one block, so that nothing compresses to a valid empty member. */
async function* blocks(bytes: Bytes): AsyncGenerator<Uint8Array> {
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
