import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { BuildError } from './model/error.js';
import { hasCode } from './model/has-code.js';

/**
 * Bytes of a regular file of at most `max` bytes, as latin1; undefined when there is none. Nothing else is waited for
 * or read: a pipe could never end, a device is endless. Throws BuildError `usage`.
 */
export function readInputFile(
  path: string | Buffer,
  shown: string,
  max: number,
): Buffer | undefined {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined;
    if (!hasCode(error, 'EACCES', 'ELOOP', 'ENXIO', 'EISDIR')) throw error;
    throw new BuildError('usage', `${shown} cannot be read: ${(error as Error).message}`);
  }
  try {
    const stat = fstatSync(fd);
    if (stat.isDirectory()) throw new BuildError('usage', `${shown} is a directory, not a file`);
    if (!stat.isFile())
      throw new BuildError('usage', `${shown} is not a regular file`, {
        hint: 'what a program writes can be piped: stave build -f - PATH',
      });
    if (stat.size > max) throw tooLarge(shown, max);
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** The same limit for what comes from a pipe or a server. */
export async function collectInput(
  bytes: AsyncIterable<Uint8Array>,
  shown: string,
  max: number,
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of bytes) {
    size += chunk.length;
    if (size > max) throw tooLarge(shown, max);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function tooLarge(shown: string, max: number): BuildError {
  return new BuildError('syntax', `${shown} is larger than ${String(max >> 20)} MiB`);
}
