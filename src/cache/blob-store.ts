import {
  closeSync,
  createReadStream,
  fsyncSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { type Digest, digestOf, hexOf } from '../model/digest.js';
import { BuildError } from '../model/error.js';
import type { Descriptor } from '../model/oci.js';
import type { Scope } from '../model/scope.js';
import type { BlobInfo, BlobStore, Bytes } from '../model/stores.js';
import { hasCode } from '../model/has-code.js';
import { makeDeep } from '../sys/make-deep.js';
import { noSpace, openNew, syncDirectory, temporaryName } from './durable.js';
import { createMemo } from './memo.js';
import { begin, damaged, receive, verified } from './receive.js';
import { resumeBlob } from './resume-blob.js';

/** Blobs on disk, plus what only local ones can: a path, and small JSON documents read at once. */
export interface DiskBlobStore extends BlobStore {
  readonly path: (digest: Digest) => string;
  readonly hasSync: (digest: Digest) => boolean;
  /** The same, and while it is there it stays: for what an image in the making is to have. */
  readonly claim: (digest: Digest) => boolean;
  /** A manifest, index or config of at most 4 MiB, its digest checked. Throws BuildError when absent or damaged. */
  readonly readJson: (digest: Digest) => unknown;
  /**
   * Puts a blob of which a part may be here, from who was cut off: `from` gives its bytes from an offset on. What breaks
   * off stays for the next. One at a time for each blob, across processes.
   */
  readonly resume: (
    blob: Descriptor,
    from: (offset: number) => Bytes,
    scope: Scope,
  ) => Promise<void>;
  readonly putJson: (value: unknown, mediaType: string, scope: Scope) => Promise<Descriptor>;
}

const MAX_JSON = 4 << 20;

/**
 * `directory`: `<store>/blobs/sha256`; `temporary`: a private directory on the same filesystem; `claim`: a lease's;
 * `partial`: what was cut off. A blob found damaged when it is read is taken out, so that the next pull or build brings it anew instead of trusting its name.
 */
export function createBlobStore(
  directory: string,
  temporary: () => Promise<string>,
  claim: (ids: readonly string[]) => void = () => undefined,
  partial = `${directory}.partial`,
): DiskBlobStore {
  const memo = createMemo<{ value: unknown; bytes: number }>(16 << 20, ({ bytes }) => bytes);
  const path = (digest: Digest): string => join(directory, hexOf(digest));
  const hasSync = (digest: Digest): boolean => sizeOf(path(digest)) !== undefined;
  const put = async (bytes: Bytes, info: BlobInfo, scope: Scope): Promise<Descriptor> => {
    const { mediaType, digest, size } = info;
    if (digest !== undefined) claim([hexOf(digest)]);
    if (digest !== undefined && size !== undefined && isThere(path(digest), digest, size)) {
      return { mediaType, digest, size };
    }
    return write(bytes, info, { directory, temporary: await temporary(), claim }, scope);
  };
  return {
    path,
    hasSync,
    claim: (digest) => {
      claim([hexOf(digest)]);
      return hasSync(digest);
    },
    has: (digest) => Promise.resolve(hasSync(digest)),
    open: (blob, scope) => openFile(path(blob.digest), blob, scope),
    put,
    resume: async (blob, from, scope) => {
      claim([hexOf(blob.digest)]);
      const resumed = await resumeBlob({ blob, from, partial, directory }, scope);
      if (!resumed) await put(from(0), blob, scope);
    },
    readJson: (digest) => memo.get(digest, () => readDocument(path(digest), digest)).value,
    putJson: (value, mediaType, scope) => {
      const bytes = Buffer.from(JSON.stringify(value));
      const info = { mediaType, digest: digestOf(bytes), size: bytes.length };
      return put(once(bytes), info, scope);
    },
  };
}

/** What a build ends with must not lean on a damaged document of the same name. */
const REREAD = 1 << 20;

/** A shorter or longer file under the name is damage, and is replaced; so is a small one with other bytes. */
function isThere(path: string, digest: Digest, size: number): boolean {
  return sizeOf(path) === size && (size > REREAD || digestOf(readFileSync(path)) === digest);
}

// eslint-disable-next-line @typescript-eslint/require-await -- pulled like every other source of bytes
async function* once(bytes: Uint8Array): Bytes {
  yield bytes;
}

function sizeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.size;
}

async function* openFile(path: string, blob: Descriptor, scope: Scope): Bytes {
  try {
    yield* verified(createReadStream(path, { highWaterMark: 1 << 20 }), blob, scope);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) throw missing(blob.digest, error);
    // Only where the bytes are the promised length; else it may be the descriptor that lies.
    if (error instanceof BuildError && error.code === 'integrity' && sizeOf(path) === blob.size) {
      throw takenOut(path, error);
    }
    throw error;
  }
}

function readDocument(path: string, digest: Digest): { value: unknown; bytes: number } {
  const size = sizeOf(path);
  if (size === undefined) throw missing(digest);
  if (size > MAX_JSON)
    throw new BuildError('integrity', `blob ${digest} is too large for a document`);
  const bytes = readFileSync(path);
  if (digestOf(bytes) !== digest) throw takenOut(path, damaged(digest, digestOf(bytes)));
  try {
    return { value: JSON.parse(bytes.toString()) as unknown, bytes: size };
  } catch (error) {
    throw new BuildError('integrity', `blob ${digest} is not JSON`, { cause: error });
  }
}

function missing(digest: Digest, cause?: unknown): BuildError {
  return new BuildError('store', `blob ${digest} is not in the store`, {
    hint: 'pull or build the image again',
    cause,
  });
}

function takenOut(path: string, error: BuildError): BuildError {
  rmSync(path, { force: true });
  return new BuildError('integrity', error.message, {
    hint: 'it was taken out of the store: pull, load or build the image again',
    cause: error,
  });
}

interface Places {
  readonly directory: string;
  readonly temporary: string;
  readonly claim: (ids: readonly string[]) => void;
}

/**
 * Temp, hash while writing, check, fsync, rename, fsync of the directory: a name in blobs/ is always whole. Who lost a
 * race replaces the same bytes by the same bytes, and damage by what was just verified.
 */
async function write(
  bytes: Bytes,
  info: BlobInfo,
  places: Places,
  scope: Scope,
): Promise<Descriptor> {
  makeDeep(places.directory, 0o700);
  const temporary = temporaryName(places.temporary);
  const fd = openNew(temporary);
  try {
    const { digest, size } = await receive(begin(fd), bytes, info, scope);
    fsyncSync(fd);
    places.claim([hexOf(digest)]);
    renameSync(temporary, join(places.directory, hexOf(digest)));
    syncDirectory(places.directory);
    return { mediaType: info.mediaType, digest, size };
  } catch (error) {
    rmSync(temporary, { force: true });
    throw noSpace(error, places.directory);
  } finally {
    closeSync(fd);
  }
}
