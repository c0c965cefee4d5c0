import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { BuildError } from '../model/error.js';
import { hasCode } from '../model/has-code.js';
import { fileStatus } from '../sys/file-status.js';
import { type SourceEntry, toText } from './source-tree.js';

/**
 * Opens a file that was a regular one when it was looked at. What took its place since then (a link, a FIFO nobody
 * writes to) is neither followed nor waited for. Throws BuildError `not-found` saying that it changed.
 */
export function openSource(file: string | Buffer, path: string): number {
  const fd = openUnseen(file, path);
  if (fstatSync(fd).isFile()) return fd;
  closeSync(fd);
  throw changed(path);
}

/** As `openSource`, of what the caller looks at itself. */
export function openUnseen(file: string | Buffer, path: string): number {
  try {
    return openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (hasCode(error, 'ELOOP', 'ENOENT', 'ENXIO', 'ENOTDIR')) throw changed(path);
    throw error;
  }
}

/** Throws BuildError `not-found` when an open file is not what was looked at. Nobody writes to a layer's files. */
export function checkUnchanged(fd: number, entry: SourceEntry): void {
  if (entry.isStill === undefined) return;
  const now = fileStatus(fd);
  if (now === undefined || !entry.isStill(now)) throw changed(entry.path);
}

export function changed(path: string): BuildError {
  return new BuildError('not-found', `${toText(path)} changed during the build`, {
    hint: 'build again when nothing writes to the context',
  });
}
