import { applyTar } from '../cache/apply.js';
import { decompress } from '../cache/decompress.js';
import type { TarHeader } from '../cache/tar.js';
import { BuildError } from '../model/error.js';
import type { Bytes } from '../model/stores.js';
import { NewestFile } from './newest-file.js';

const BLOCK = 512;
/** First bytes of gzip, bzip2, xz and zstd. */
const PACKED = [
  [0x1f, 0x8b, 0x08],
  [0x42, 0x5a, 0x68],
  [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00],
  [0x28, 0xb5, 0x2f, 0xfd],
];

/** A stream told by its first bytes: `tar` when it is one, compressed or not; `bytes` is all of it either way. */
export async function openArchive(
  source: Bytes,
): Promise<{ readonly bytes: Bytes; readonly tar: Bytes | undefined }> {
  const iterator = source[Symbol.asyncIterator]();
  const chunks: Uint8Array[] = [];
  let size = 0;
  while (size < BLOCK) {
    const next = await iterator.next();
    if (next.done === true) break;
    chunks.push(next.value);
    size += next.value.length;
  }
  const head = Buffer.concat(chunks);
  const bytes = joined(head, iterator);
  const packed = PACKED.some((magic) => magic.every((byte, i) => head[i] === byte));
  if (packed) return { bytes, tar: decompress(bytes) };
  return { bytes, tar: isTarHeader(head.subarray(0, BLOCK)) ? bytes : undefined };
}

async function* joined(head: Uint8Array, rest: AsyncIterator<Uint8Array>): Bytes {
  try {
    if (head.length > 0) yield head;
    for (let next = await rest.next(); next.done !== true; next = await rest.next())
      yield next.value;
  } finally {
    await rest.return?.();
  }
}

/** The header's own checksum decides; an empty archive is two blocks of zeros. */
function isTarHeader(head: Uint8Array): boolean {
  if (head.length < BLOCK) return false;
  if (head.every((byte) => byte === 0)) return true;
  const text = Buffer.from(head).toString('latin1', 148, 156);
  const stored = parseInt(text.replace(/[\0 ]+$/, '').trim(), 8);
  let sum = 8 * 32;
  for (const [i, byte] of head.entries()) if (i < 148 || i >= 156) sum += byte;
  return sum === stored;
}

/**
 * Unpacks a tar as a build context: its files are ours, whoever it says they belong to. Gives the newest file's time in
 * seconds.
 */
export async function unpackContext(
  tar: Bytes,
  dir: string,
  signal: AbortSignal,
): Promise<number | undefined> {
  const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const newest = new NewestFile();
  const onEntry = (header: TarHeader): void => {
    newest.see(header);
  };
  try {
    await applyTar(stoppable(tar, signal), dir, { whiteouts: false, owner, onEntry });
    return newest.seconds;
  } catch (error) {
    if (error instanceof BuildError || signal.aborted || !(error instanceof Error)) throw error;
    if ('code' in error) throw error;
    throw new BuildError('archive', `the build context is not a valid tar: ${error.message}`, {
      cause: error,
    });
  }
}

async function* stoppable(bytes: Bytes, signal: AbortSignal): Bytes {
  for await (const chunk of bytes) {
    signal.throwIfAborted();
    yield chunk;
  }
}
