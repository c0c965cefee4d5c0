import {
  closeSync,
  constants,
  lstatSync,
  openSync,
  readlinkSync,
  realpathSync,
  statSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { toBytes } from '../cache/source-tree.js';
import { BuildError } from '../model/error.js';
import { hasCode } from '../model/has-code.js';
import type { OpenSource } from './copy-inside.js';
import { assertsDirectory, type CopyTarget, copiedName } from './copy-rules.js';

/** A file or directory of ours to copy. Throws BuildError `not-found` or `usage` in docker's words. */
export function sourceHere(text: string, follow: boolean): OpenSource {
  const asserted = assertsDirectory(text);
  const path = resolve(text);
  const found = real(path, follow || asserted);
  const stat = lstatSync(found);
  if (asserted && !stat.isDirectory()) throw new BuildError('usage', `${text}: not a directory`);
  const flags = constants.O_RDONLY | constants.O_DIRECTORY;
  const directory = openSync(stat.isDirectory() ? found : dirname(found), flags);
  return {
    directory,
    name: stat.isDirectory() ? '.' : toBytes(basename(found)),
    isDirectory: stat.isDirectory(),
    base: /(?:^|\/)\.$/.test(text) ? '' : copiedName(toBytes(path)),
    size: stat.size,
    [Symbol.dispose]: () => {
      closeSync(directory);
    },
  };
}

/** Links before the last name are followed always. */
function real(path: string, follow: boolean): string {
  try {
    if (follow || path === '/') return realpathSync(path);
    const found = join(realpathSync(dirname(path)), basename(path));
    lstatSync(found);
    return found;
  } catch (error) {
    if (hasCode(error, 'ENOENT'))
      throw new BuildError('not-found', `lstat ${path}: no such file or directory`);
    if (hasCode(error, 'ENOTDIR')) throw new BuildError('usage', `lstat ${path}: not a directory`);
    throw error;
  }
}

const MAX_LINKS = 255;

/** Where a copy goes on our side: links followed, also to what is not there yet. Throws BuildError `usage`. */
export function targetHere(text: string): CopyTarget {
  let path = resolve(text);
  checkOutput(path);
  for (let links = 0; links < MAX_LINKS; links++) {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat?.isSymbolicLink() === true) {
      path = resolve(dirname(path), readlinkSync(path));
      continue;
    }
    const asserted = assertsDirectory(text);
    if (stat === undefined) return { path, exists: false, isDirectory: false, asserted };
    return { path, exists: true, isDirectory: stat.isDirectory(), asserted };
  }
  throw new BuildError('usage', `too many symlinks in ${text}`);
}

/** docker/cli, command.ValidateOutputPath. */
function checkOutput(path: string): void {
  const parent = dirname(path);
  if (statSync(parent, { throwIfNoEntry: false }) === undefined) {
    throw new BuildError(
      'usage',
      `invalid output path: directory ${JSON.stringify(parent)} does not exist`,
    );
  }
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined || stat.isDirectory() || stat.isFile()) return;
  const what = stat.isCharacterDevice() || stat.isBlockDevice() ? 'a device' : 'an irregular file';
  throw new BuildError(
    'usage',
    `invalid output path: ${JSON.stringify(path)} must be a directory or a regular file: got ${what}`,
  );
}
