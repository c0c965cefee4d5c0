import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { BuildError } from '../model/error.js';
import { hasCode } from '../model/has-code.js';

const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

export function openNew(path: string): number {
  return openSync(path, CREATE, 0o600);
}

export function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
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
 * one is beside it, or in `temporary`, from where it is swept when we are killed.
 */
export function replaceDurably(path: string, text: string, temporary = dirname(path)): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  rewriteDurably(path, text, temporary);
}

/** The same in a directory that is there: ENOENT when it is not, or goes meanwhile. */
export function rewriteDurably(path: string, text: string, place = dirname(path)): void {
  const temporary = besides(path, place);
  const fd = openNew(temporary);
  try {
    writeAll(fd, Buffer.from(text));
    fsyncSync(fd);
  } catch (error) {
    unlinkSync(temporary);
    throw noSpace(error, dirname(path));
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, path);
  syncDirectory(dirname(path));
}

/** Replaces a small file of derived data: readers see old or new; a power cut may lose it. */
export function replaceFile(path: string, text: string, place = dirname(path)): void {
  const temporary = besides(path, place);
  const write = (): void => {
    writeFileSync(temporary, text, { mode: 0o600, flag: 'wx' });
  };
  try {
    write();
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw noSpace(error, dirname(path));
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    write();
  }
  renameSync(temporary, path);
}

function besides(path: string, place: string): string {
  return join(place, `${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
}

/** The same error, or BuildError `no-space` when a disk or quota is full. */
export function noSpace(error: unknown, where: string): unknown {
  if (!hasCode(error, 'ENOSPC', 'EDQUOT')) return error;
  return new BuildError('no-space', `no space left on ${where}`, {
    hint: 'free some space there, or remove images with: stave image rm',
    cause: error,
  });
}

export function temporaryName(directory: string): string {
  return join(directory, randomBytes(12).toString('hex'));
}
