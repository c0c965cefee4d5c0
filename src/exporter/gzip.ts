import { gzip } from 'node:zlib';
import { promisify } from 'node:util';
import type { Bytes } from '../model/stores.js';
import { blocks } from './blocks.js';

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
