import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { noSpace, syncDirectory } from '../cache/durable.js';
import { encodeHeader, padding, tarEnd } from '../cache/tar.js';
import { BuildError } from '../model/error.js';
import type { Scope } from '../model/scope.js';
import type { Bytes } from '../model/stores.js';
import { hasCode } from '../model/has-code.js';
import { reasonOf } from '../model/reason-of.js';

/** One file of an archive we write. */
export interface ArchiveFile {
  readonly name: string;
  readonly size: number;
  readonly bytes: Bytes;
}

const EPOCH = 0n;
const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

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

/** Writes to a file that appears whole and durable, or (`-`) to stdout. Throws BuildError `usage` or `no-space`. */
export async function writeTo(dest: string, bytes: Bytes, scope: Scope): Promise<void> {
  if (dest === '-') return writeOut(bytes, scope);
  const there = statSync(dest, { throwIfNoEntry: false });
  if (there?.isDirectory() === true) {
    throw new BuildError('usage', `dest=${dest} is a directory`, { hint: 'name a file' });
  }
  // A pipe or a device (/dev/null, /dev/stdout) is written, never replaced.
  if (there?.isFile() === false) return writeInto(dest, bytes, scope);
  return replace(there === undefined ? dest : realpathSync(dest), bytes, scope);
}

async function replace(file: string, bytes: Bytes, scope: Scope): Promise<void> {
  const temporary = join(dirname(file), `.stave-${randomBytes(6).toString('hex')}`);
  const fd = openFor(temporary, file, CREATE);
  try {
    await writeAll(fd, bytes, scope);
    fsyncSync(fd);
    renameSync(temporary, file);
    syncDirectory(dirname(file));
  } catch (error) {
    rmSync(temporary, { force: true });
    throw noSpace(error, dirname(file));
  } finally {
    closeSync(fd);
  }
}

async function writeInto(dest: string, bytes: Bytes, scope: Scope): Promise<void> {
  const fd = openFor(dest, dest, constants.O_WRONLY);
  try {
    await writeAll(fd, bytes, scope);
  } catch (error) {
    throw closedPipe(error, dest);
  } finally {
    closeSync(fd);
  }
}

async function writeAll(fd: number, bytes: Bytes, scope: Scope): Promise<void> {
  for await (const chunk of bytes) {
    scope.signal.throwIfAborted();
    for (let at = 0; at < chunk.length;) at += writeSync(fd, chunk, at);
  }
}

function openFor(path: string, dest: string, flags: number): number {
  try {
    return openSync(path, flags, 0o644);
  } catch (error) {
    if (!hasCode(error, 'ENOENT', 'EACCES', 'EPERM', 'EROFS', 'ENOTDIR')) throw error;
    throw new BuildError('usage', `cannot write ${dest}: ${reasonOf(error)}`, {
      hint: 'its directory must exist and be writable',
      cause: error,
    });
  }
}

/** Each chunk is waited for, so that nothing is lost or piles up, and a reader that left is told from a defect. */
async function writeOut(bytes: Bytes, scope: Scope): Promise<void> {
  if (process.stdout.isTTY) {
    throw new BuildError('usage', 'refusing to write an archive to a terminal', {
      hint: 'redirect stdout, or name a file with dest=',
    });
  }
  // The failure of a write reaches us by its callback; without a listener it would end the process first.
  const ignore = (): void => undefined;
  process.stdout.on('error', ignore);
  try {
    for await (const chunk of bytes) {
      scope.signal.throwIfAborted();
      await new Promise<void>((resolve, reject) => {
        process.stdout.write(chunk, (error) => {
          if (error) reject(error);
          else resolve();
        });
      });
    }
  } catch (error) {
    throw closedPipe(error, 'stdout');
  } finally {
    process.stdout.off('error', ignore);
  }
}

function closedPipe(error: unknown, where: string): unknown {
  if (!hasCode(error, 'EPIPE')) return noSpace(error, where);
  return new BuildError('usage', `${where} was closed before all was written`, { cause: error });
}
