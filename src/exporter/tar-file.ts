import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { noSpace } from '../cache/durable.js';
import { encodeHeader, padding, tarEnd } from '../cache/tar.js';
import { BuildError } from '../model/error.js';
import type { Scope } from '../model/scope.js';
import type { Bytes } from '../model/stores.js';
import { hasCode } from '../model/has-code.js';

/** One file of an archive we write. */
export interface ArchiveFile {
  readonly name: string;
  readonly size: number;
  readonly bytes: Bytes;
}

const EPOCH = 0n;

/** Files as a tar: fixed owner, mode and time, so that equal files give equal bytes. */
export async function* tarOf(files: AsyncIterable<ArchiveFile>): Bytes {
  for await (const { name, size, bytes } of files) {
    yield encodeHeader({ name, type: 'file', mode: 0o644, uid: 0, gid: 0, size, mtimeNs: EPOCH });
    yield* bytes;
    yield padding(size);
  }
  yield tarEnd();
}

// eslint-disable-next-line @typescript-eslint/require-await -- pulled like every other source of bytes
export async function* bytesOf(text: string): Bytes {
  yield Buffer.from(text);
}

/** Writes to a file that appears whole and durable, or (`-`) to stdout. */
export async function writeTo(dest: string, bytes: Bytes, scope: Scope): Promise<void> {
  if (dest === '-') return writeOut(bytes, scope);
  if (statSync(dest, { throwIfNoEntry: false })?.isDirectory() === true) {
    throw new BuildError('usage', `dest=${dest} is a directory`, { hint: 'name a file' });
  }
  const temporary = join(dirname(dest), `.${basename(dest)}.${randomBytes(6).toString('hex')}`);
  const fd = openFor(temporary, dest);
  try {
    for await (const chunk of bytes) {
      scope.signal.throwIfAborted();
      for (let at = 0; at < chunk.length;) at += writeSync(fd, chunk, at);
    }
    fsyncSync(fd);
    renameSync(temporary, dest);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw noSpace(error, dirname(dest));
  } finally {
    closeSync(fd);
  }
}

function openFor(temporary: string, dest: string): number {
  try {
    return openSync(temporary, 'wx', 0o644);
  } catch (error) {
    if (!hasCode(error, 'ENOENT', 'EACCES', 'EROFS', 'ENOTDIR')) throw error;
    throw new BuildError('usage', `cannot write ${dest}: ${(error as Error).message}`, {
      hint: 'does its directory exist?',
    });
  }
}

async function writeOut(bytes: Bytes, scope: Scope): Promise<void> {
  for await (const chunk of bytes) {
    scope.signal.throwIfAborted();
    if (process.stdout.write(chunk)) continue;
    await new Promise((resolve) => process.stdout.once('drain', resolve));
  }
}
