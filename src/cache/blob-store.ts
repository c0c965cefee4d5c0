import { createHash } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  readFileSync,
  statSync,
  unlinkSync,
} from 'node:fs';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { type Digest, digestFromHex, digestOf, hexOf } from '../model/digest.js';
import { BuildError } from '../model/error.js';
import type { Descriptor } from '../model/oci.js';
import type { Scope } from '../model/scope.js';
import type { BlobInfo, BlobStore, Bytes } from '../model/stores.js';
import { hasCode } from '../model/has-code.js';
import { noSpace, openNew, syncDirectory, temporaryName, writeAll } from './durable.js';
import { createMemo } from './memo.js';

/** Blobs on disk, plus what only local ones can: a path, and small JSON documents read at once. */
export interface DiskBlobStore extends BlobStore {
  readonly path: (digest: Digest) => string;
  readonly hasSync: (digest: Digest) => boolean;
  /** A manifest, index or config of at most 4 MiB, its digest checked. Throws BuildError when absent or damaged. */
  readonly readJson: (digest: Digest) => unknown;
  readonly putJson: (value: unknown, mediaType: string, scope: Scope) => Promise<Descriptor>;
}

const MAX_JSON = 4 << 20;

/** `directory`: `<store>/blobs/sha256`; `temporary`: a private directory on the same filesystem. */
export function createBlobStore(
  directory: string,
  temporary: () => Promise<string>,
): DiskBlobStore {
  const memo = createMemo<{ value: unknown; bytes: number }>(16 << 20, ({ bytes }) => bytes);
  const path = (digest: Digest): string => join(directory, hexOf(digest));
  const hasSync = (digest: Digest): boolean =>
    statSync(path(digest), { throwIfNoEntry: false }) !== undefined;
  const put = async (bytes: Bytes, info: BlobInfo, scope: Scope): Promise<Descriptor> => {
    if (info.digest !== undefined && info.size !== undefined && hasSync(info.digest)) {
      return { mediaType: info.mediaType, digest: info.digest, size: info.size };
    }
    return write(bytes, info, { directory, temporary: await temporary() }, scope);
  };
  return {
    path,
    hasSync,
    has: (digest) => Promise.resolve(hasSync(digest)),
    open: (blob, scope) =>
      verified(createReadStream(path(blob.digest), { highWaterMark: 1 << 20 }), blob, scope),
    put,
    readJson: (digest) => memo.get(digest, () => readDocument(path(digest), digest)).value,
    putJson: (value, mediaType, scope) => {
      const bytes = Buffer.from(JSON.stringify(value));
      const info = { mediaType, digest: digestOf(bytes), size: bytes.length };
      return put(once(bytes), info, scope);
    },
  };
}

// eslint-disable-next-line @typescript-eslint/require-await -- pulled like every other source of bytes
async function* once(bytes: Uint8Array): Bytes {
  yield bytes;
}

function readDocument(path: string, digest: Digest): { value: unknown; bytes: number } {
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size === undefined) {
    throw new BuildError('store', `blob ${digest} is not in the store`, {
      hint: 'pull or build the image again',
    });
  }
  if (size > MAX_JSON)
    throw new BuildError('integrity', `blob ${digest} is too large for a document`);
  const bytes = readFileSync(path);
  if (digestOf(bytes) !== digest) throw damaged(digest, digestOf(bytes));
  return { value: JSON.parse(bytes.toString()) as unknown, bytes: size };
}

interface Places {
  readonly directory: string;
  readonly temporary: string;
}

/** Temp, hash while writing, check, fsync, link, fsync of the directory: a name in blobs/ is always whole. */
async function write(
  bytes: Bytes,
  info: BlobInfo,
  places: Places,
  scope: Scope,
): Promise<Descriptor> {
  mkdirSync(places.directory, { recursive: true, mode: 0o700 });
  const temporary = temporaryName(places.temporary);
  const fd = openNew(temporary);
  try {
    const { digest, size } = await copyTo(fd, bytes, scope);
    if (info.digest !== undefined && digest !== info.digest) throw damaged(info.digest, digest);
    if (info.size !== undefined && size !== info.size) throw wrongSize(digest, info.size, size);
    fsyncSync(fd);
    publish(temporary, join(places.directory, hexOf(digest)), size);
    syncDirectory(places.directory);
    return { mediaType: info.mediaType, digest, size };
  } catch (error) {
    throw noSpace(error, places.directory);
  } finally {
    closeSync(fd);
    unlinkSync(temporary);
  }
}

async function copyTo(
  fd: number,
  bytes: Bytes,
  scope: Scope,
): Promise<{ digest: Digest; size: number }> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of bytes) {
    scope.signal.throwIfAborted();
    hash.update(chunk);
    writeAll(fd, chunk);
    size += chunk.length;
  }
  return { digest: digestFromHex(hash.digest('hex')), size };
}

/** Whoever lost the race finds the same bytes under the name; a shorter file there is damage and is replaced. */
function publish(temporary: string, final: string, size: number): void {
  try {
    linkSync(temporary, final);
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
    if (statSync(final).size === size) return;
    unlinkSync(final);
    linkSync(temporary, final);
  }
}

/** Passes a blob's bytes through and throws at the end when size or digest differ. */
export async function* verified(bytes: Bytes, blob: Descriptor, scope: Scope): Bytes {
  const hash = createHash('sha256');
  let size = 0;
  try {
    for await (const chunk of bytes) {
      scope.signal.throwIfAborted();
      size += chunk.length;
      if (size > blob.size) throw wrongSize(blob.digest, blob.size, size);
      hash.update(chunk);
      yield chunk;
    }
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
    throw new BuildError('store', `blob ${blob.digest} is not in the store`, { cause: error });
  }
  if (size !== blob.size) throw wrongSize(blob.digest, blob.size, size);
  const digest = digestFromHex(hash.digest('hex'));
  if (digest !== blob.digest) throw damaged(blob.digest, digest);
}

function damaged(expected: Digest, actual: Digest): BuildError {
  return new BuildError(
    'integrity',
    `blob ${expected} is damaged: its bytes have digest ${actual}`,
  );
}

function wrongSize(digest: Digest, expected: number, actual: number): BuildError {
  const sizes = `${String(actual)} bytes, expected ${String(expected)}`;
  return new BuildError('integrity', `blob ${digest} has the wrong size: ${sizes}`);
}
