import { createReadStream } from 'node:fs';
import { applyTar } from '../cache/apply.js';
import { decompress } from '../cache/decompress.js';
import { openSource } from '../cache/open-source.js';
import { joinPath, type SourceEntry, toText } from '../cache/source-tree.js';
import { BuildError } from '../model/error.js';
import type { Bytes } from '../model/stores.js';
import type { Owner } from './access.js';
import type { UpperWriter } from './upper-writer.js';

export interface Archive {
  readonly entry: SourceEntry;
  /** Where it goes, resolved. */
  readonly target: string;
  /** For everything in it, if --chown was given. */
  readonly owner: Owner | undefined;
  readonly signal: AbortSignal;
}

const ROOT: Owner = { uid: 0, gid: 0 };

/**
 * Unpacks a file whose content is a tar, plain or compressed, over what is at the target. False, and nothing done, for
 * any other file. Throws BuildError `archive` for a tar that is damaged or hostile further on.
 */
export async function unpackArchive(writer: UpperWriter, archive: Archive): Promise<boolean> {
  const { entry, target, owner, signal } = archive;
  if (!(await isArchive(entry))) return false;
  writer.ensureDirectory(target, owner ?? ROOT, 0o755);
  const below = (path: string): string => (path === '' ? target : joinPath(target, path));
  try {
    await applyTar(aborting(decompress(read(entry)), signal), writer.upper, {
      whiteouts: false,
      ...(owner === undefined ? {} : { owner }),
      locate: (parent) => {
        const path = writer.resolve(below(parent), true);
        writer.ensureDirectory(path, ROOT, 0o755);
        return path;
      },
      linkTarget: (path) => writer.bringUp(writer.resolve(below(path), false)),
    });
  } catch (error) {
    if (!(error instanceof BuildError) || error.code !== 'archive') throw error;
    throw new BuildError('archive', `ADD ${toText(entry.path)}: ${error.message}`, {
      hint: 'COPY copies an archive without unpacking it',
      cause: error,
    });
  }
  return true;
}

/** The header's checksum decides, as in docker's detection; a compressed file that is no tar stays a file. */
async function isArchive(entry: SourceEntry): Promise<boolean> {
  const parts: Uint8Array[] = [];
  try {
    for await (const chunk of decompress(read(entry))) {
      parts.push(chunk);
      if (parts.reduce((sum, { length }) => sum + length, 0) >= 512) break;
    }
  } catch (error) {
    if (error instanceof BuildError && error.code === 'archive') return false;
    throw error;
  }
  return isTarHeader(Buffer.concat(parts).subarray(0, 512));
}

function isTarHeader(head: Buffer): boolean {
  if (head.length < 512) return false;
  const digits = head.toString('latin1', 148, 156).replace(/[\0 ]+$/, '');
  let sum = 8 * 32;
  for (const [i, byte] of head.entries()) if (i < 148 || i >= 156) sum += byte;
  return sum === parseInt(digits.trim(), 8);
}

function read({ file, path }: SourceEntry): Bytes {
  return createReadStream('', { fd: openSource(file, path), highWaterMark: 1 << 20 });
}

async function* aborting(source: Bytes, signal: AbortSignal): Bytes {
  for await (const chunk of source) {
    signal.throwIfAborted();
    yield chunk;
  }
}
