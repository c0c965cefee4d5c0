import { BuildError } from '../model/error.js';
import { hasCode } from '../model/has-code.js';
import { reasonOf } from '../model/reason-of.js';
import { makeDeep } from '../sys/make-deep.js';

const NOT_OURS = ['EEXIST', 'ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'EROFS'] as const;

/** The directory an output is written to. Throws BuildError `usage` where none can be made. */
export function makeOutput(path: string): void {
  try {
    makeDeep(path, 0o777);
  } catch (error) {
    if (!hasCode(error, ...NOT_OURS)) throw error;
    throw new BuildError('usage', `cannot make the directory ${path}: ${reasonOf(error)}`, {
      hint: 'it must be in a directory that you may write to',
      cause: error,
    });
  }
}
