import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import type { MessagePort } from 'node:worker_threads';
import { LayerDigest } from './layer-digest.js';
import type { TarHeader } from './tar.js';

/** Entries of a layer on their way to the thread that hashes them. */
export interface LoggedBatch {
  readonly entries: readonly LoggedEntry[];
  /** Contents of small files. */
  readonly arena: Uint8Array;
}

export interface LoggedEntry {
  readonly header: TarHeader;
  /** sha256 of the content, if it is known. */
  readonly hex?: string;
  /** Where in the arena the content begins. */
  readonly at?: number;
  /** Where the content is read, of a file with exactly this time. */
  readonly source?: string | Uint8Array;
  readonly mtimeNs: bigint;
}

const buffer = Buffer.allocUnsafe(1 << 20);

/**
 * The thread's side of a layer log: batches, then `end`, which is answered with the facts, or with undefined when a
 * source was not what it was. `done[0]` counts the arena's bytes that are hashed.
 */
export function receiveLayer(port: MessagePort, done: Float64Array): void {
  const digest = new LayerDigest();
  let failed = false;
  port.on('message', (message: LoggedBatch | 'end') => {
    if (message === 'end') {
      port.postMessage(failed ? undefined : digest.finish());
      port.close();
      return;
    }
    if (!failed) failed = !addAll(digest, message);
    done[0] = (done[0] ?? 0) + message.arena.length;
  });
}

/** False when a file cannot be read as it was. */
function addAll(digest: LayerDigest, { entries, arena }: LoggedBatch): boolean {
  for (const { header, hex, at, source, mtimeNs } of entries) {
    if (at !== undefined) digest.add(header, [arena.subarray(at, at + header.size)], hex);
    else if (source === undefined || header.size === 0) digest.add(header, [], hex);
    else if (!addSource(digest, { header, hex, source, mtimeNs })) return false;
  }
  return true;
}

interface Source {
  readonly header: TarHeader;
  readonly hex: string | undefined;
  readonly source: string | Uint8Array;
  readonly mtimeNs: bigint;
}

function addSource(digest: LayerDigest, { header, hex, source, mtimeNs }: Source): boolean {
  const path = typeof source === 'string' ? source : Buffer.from(source);
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return false; // Whoever copies it says so.
  }
  try {
    if (!isSame(fd, header.size, mtimeNs)) return false;
    digest.add(header, chunks(fd, header.size), hex);
    return isSame(fd, header.size, mtimeNs);
  } finally {
    closeSync(fd);
  }
}

function isSame(fd: number, size: number, mtimeNs: bigint): boolean {
  const stat = fstatSync(fd, { bigint: true });
  return stat.isFile() && Number(stat.size) === size && stat.mtimeNs === mtimeNs;
}

/** Less than `size` bytes, if it is cut meanwhile: then it is not the same afterwards. */
function* chunks(fd: number, size: number): Generator<Uint8Array> {
  for (let left = size; left > 0;) {
    const read = readSync(fd, buffer, 0, Math.min(buffer.length, left), null);
    if (read === 0) return;
    left -= read;
    yield buffer.subarray(0, read);
  }
}
