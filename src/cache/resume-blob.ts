import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setImmediate as immediate } from 'node:timers/promises';
import { hexOf } from '../model/digest.js';
import { BuildError } from '../model/error.js';
import { hasCode } from '../model/has-code.js';
import type { Descriptor } from '../model/oci.js';
import type { Scope } from '../model/scope.js';
import type { Bytes } from '../model/stores.js';
import { sys } from '../sys/sys.js';
import { noSpace, syncDirectory } from './durable.js';
import { isNamed } from './lock-file.js';
import { begin, type Begun, receive } from './receive.js';

export interface Resumable {
  readonly blob: Descriptor;
  readonly from: (offset: number) => Bytes;
  /** `<store>/partial`: a file for each blob that was cut off, by its sha256 hex. */
  readonly partial: string;
  /** `<store>/blobs/sha256`. */
  readonly directory: string;
}

const { O_RDWR, O_CREAT, O_APPEND, O_NOFOLLOW } = constants;
/** A shorter part is not worth its file. */
const WORTH = 64 << 10;

/**
 * Goes on with a part of a blob, or begins one. What is there is hashed first, and the whole is checked: of a part that
 * a power cut tore, or whose bytes were never right, nothing is kept, and all of it is brought once more. False when
 * another is writing to the part, whose lock file somebody removed: bytes of both would be in it.
 */
export async function resumeBlob(resumable: Resumable, scope: Scope): Promise<boolean> {
  const { blob, partial, directory } = resumable;
  const path = join(partial, hexOf(blob.digest));
  const first = await attempt(resumable, path, scope);
  const end = first === 'wrong' ? await attempt(resumable, path, scope) : first;
  if (end !== 'whole') return false;
  renameSync(path, join(directory, hexOf(blob.digest)));
  syncDirectory(directory);
  return true;
}

/** `wrong`: what was there is gone. */
async function attempt(
  { blob, from, directory }: Resumable,
  path: string,
  scope: Scope,
): Promise<'whole' | 'wrong' | 'taken'> {
  const fd = openPart(path);
  let begun = begin(fd);
  try {
    if (!sys().flock(fd, 'exclusive', false) || !isNamed(fd, path)) return 'taken';
    begun = await hashed(fd, blob.size, scope);
    const offset = begun.size;
    const rest = offset === blob.size ? nothing() : from(offset);
    await receive(begun, rest, blob, scope);
    fsyncSync(fd);
    return 'whole';
  } catch (error) {
    const wrong = error instanceof BuildError && error.code === 'integrity';
    if (wrong || hasCode(error, 'ENOSPC', 'EDQUOT', 'EIO') || isShort(fd))
      rmSync(path, { force: true });
    if (wrong && begun.size > 0) return 'wrong';
    throw noSpace(error, directory);
  } finally {
    closeSync(fd);
  }
}

function isShort(fd: number): boolean {
  return fstatSync(fd).size < WORTH;
}

function openPart(path: string): number {
  const open = (): number => openSync(path, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW, 0o600);
  try {
    return open();
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw noSpace(error, path);
    mkdirSync(dirname(path), { mode: 0o700 });
    return open();
  }
}

const PIECE = 1 << 20;

/** A part longer than the blob is none. */
async function hashed(fd: number, longest: number, scope: Scope): Promise<Begun> {
  const { hash } = begin(fd);
  if (fstatSync(fd).size > longest) ftruncateSync(fd);
  const buffer = Buffer.allocUnsafe(PIECE);
  let size = 0;
  for (;;) {
    const count = readSync(fd, buffer, 0, PIECE, size);
    if (count === 0) return { fd, hash, size };
    hash.update(buffer.subarray(0, count));
    size += count;
    await immediate();
    scope.signal.throwIfAborted();
  }
}

// eslint-disable-next-line @typescript-eslint/require-await -- pulled like every other source of bytes
async function* nothing(): Bytes {
  yield* [];
}
