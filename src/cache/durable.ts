import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { hasCode } from '../model/has-code.js';
import { spaceError } from './space-error.js';

const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

export function openNew(path: string): number {
  return openSync(path, CREATE, 0o600);
}

export function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
}

/** At the end of a file that nobody else writes to: all of it, or nothing. */
export function appendAll(fd: number, text: string): void {
  const before = fstatSync(fd).size;
  try {
    writeAll(fd, Buffer.from(text));
  } catch (error) {
    ftruncateSync(fd, before); // What is appended next must not go on with half a line.
    throw error;
  }
}

/** Makes names in a directory survive a power cut. */
export function syncDirectory(path: string): void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * Replaces a small file so that it is durable when this returns: temp, fsync, rename, fsync of the directory. The temporary
 * one is beside it, or in `place`, see `replaceFile`.
 */
export function replaceDurably(path: string, text: string, place = dirname(path)): void {
  throughTemporary(path, place, (temporary) => {
    writeSynced(temporary, text);
  });
  syncDirectory(dirname(path));
}

/** The same in a directory that is there: ENOENT when it is not, or goes meanwhile. */
export function rewriteDurably(path: string, text: string, place = dirname(path)): void {
  const temporary = besides(path, place);
  try {
    writeSynced(temporary, text);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw noSpace(error, dirname(path));
  }
  syncDirectory(dirname(path));
}

/**
 * Replaces a small file of derived data: readers see old or new; a power cut may lose it. `place` is a directory on the
 * same filesystem that is swept, a lease's or `<store>/tmp` itself: a kill leaves nothing beside `path` then.
 */
export function replaceFile(path: string, bytes: string | Uint8Array, place = dirname(path)): void {
  throughTemporary(path, place, (temporary) => {
    writeFileSync(temporary, bytes, { mode: 0o600, flag: 'wx' });
  });
}

/** Each time another start may sweep the file between its making and its renaming, where it is in no lease. */
const TRIES = 20;

function throughTemporary(path: string, place: string, write: (temporary: string) => void): void {
  for (let tries = 1; ; tries++) {
    const temporary = besides(path, place);
    try {
      write(temporary);
      renameSync(temporary, path);
      return;
    } catch (error) {
      rmSync(temporary, { force: true });
      // The directory is not there yet, or the temporary file not any more.
      if (!hasCode(error, 'ENOENT') || tries === TRIES) throw noSpace(error, dirname(path));
      makeDirectory(dirname(path));
    }
  }
}

/** As `recursive` does, with the errors of the disk: Node's calls each of them a directory that is not there. */
export function makeDirectory(path: string, withParents = true): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return;
    if (!hasCode(error, 'ENOENT') || !withParents) throw noSpace(error, dirname(path));
    makeDirectory(dirname(path));
    makeDirectory(path, false);
  }
}

function writeSynced(file: string, text: string): void {
  const fd = openNew(file);
  try {
    writeAll(fd, Buffer.from(text));
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function besides(path: string, place: string): string {
  return join(place, `${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
}

/** The same error, or BuildError `no-space` when a disk or quota is full. */
export function noSpace(error: unknown, where: string): unknown {
  if (!hasCode(error, 'ENOSPC', 'EDQUOT')) return error;
  return spaceError(where, error);
}

export function temporaryName(directory: string): string {
  return join(directory, randomBytes(12).toString('hex'));
}
