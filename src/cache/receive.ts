import { createHash, type Hash } from 'node:crypto';
import { type Digest, digestFromHex } from '../model/digest.js';
import { BuildError } from '../model/error.js';
import type { Descriptor } from '../model/oci.js';
import type { Scope } from '../model/scope.js';
import type { BlobInfo, Bytes } from '../model/stores.js';
import { writeAll } from './durable.js';

/** A file, and what of a blob is in it already. */
export interface Begun {
  readonly fd: number;
  readonly hash: Hash;
  readonly size: number;
}

export function begin(fd: number): Begun {
  return { fd, hash: createHash('sha256'), size: 0 };
}

/**
 * Writes a blob's bytes at the end of a file, hashing them. Throws BuildError `integrity` when they are not what was
 * announced; stops as soon as more comes: an endless source must not fill the disk.
 */
export async function receive(
  begun: Begun,
  bytes: Bytes,
  info: BlobInfo,
  scope: Scope,
): Promise<{ readonly digest: Digest; readonly size: number }> {
  const { fd, hash } = begun;
  let { size } = begun;
  for await (const chunk of bytes) {
    scope.signal.throwIfAborted();
    size += chunk.length;
    if (info.size !== undefined && size > info.size) {
      throw wrongSize(info.digest, info.size, size);
    }
    hash.update(chunk);
    writeAll(fd, chunk);
  }
  scope.signal.throwIfAborted();
  const digest = digestFromHex(hash.digest('hex'));
  if (info.digest !== undefined && digest !== info.digest) throw damaged(info.digest, digest);
  if (info.size !== undefined && size !== info.size) throw wrongSize(digest, info.size, size);
  return { digest, size };
}

/** Passes a blob's bytes through and throws BuildError `integrity` at the end when size or digest differ. */
export async function* verified(bytes: Bytes, blob: Descriptor, scope: Scope): Bytes {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of bytes) {
    scope.signal.throwIfAborted();
    size += chunk.length;
    if (size > blob.size) throw wrongSize(blob.digest, blob.size, size);
    hash.update(chunk);
    yield chunk;
  }
  if (size !== blob.size) throw wrongSize(blob.digest, blob.size, size);
  const digest = digestFromHex(hash.digest('hex'));
  if (digest !== blob.digest) throw damaged(blob.digest, digest);
}

export function damaged(expected: Digest, actual: Digest): BuildError {
  return new BuildError(
    'integrity',
    `blob ${expected} is damaged: its bytes have digest ${actual}`,
  );
}

function wrongSize(digest: Digest | undefined, expected: number, actual: number): BuildError {
  const sizes = `${String(actual)} bytes, expected ${String(expected)}`;
  const which = digest === undefined ? 'a blob' : `blob ${digest}`;
  return new BuildError('integrity', `${which} has the wrong size: ${sizes}`);
}
