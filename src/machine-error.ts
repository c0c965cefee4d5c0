import { spaceError } from './cache/space-error.js';
import { BuildError } from './model/error.js';
import { hasCode } from './model/has-code.js';
import { toldOf } from './model/told-of.js';

/**
 * What the machine refuses, wherever it shows: a disk that is full, read-only or broken, too many open files. Each is the
 * user's to mend, and none is a defect of ours. Any other error comes back as it is.
 */
export function machineError(thrown: unknown): unknown {
  const error = toldOf(thrown);
  if (!(error instanceof Error) || error instanceof BuildError) return error;
  const where = 'path' in error && typeof error.path === 'string' ? error.path : undefined;
  const at = where === undefined ? '' : ` on ${where}`;
  const fail = (
    code: 'no-space' | 'store' | 'runtime' | 'usage',
    message: string,
    hint: string,
  ): BuildError => new BuildError(code, message, { hint, cause: error });
  if (hasCode(error, 'ENOSPC', 'EDQUOT')) return spaceError(where, error);
  if (hasCode(error, 'EROFS')) {
    const hint = 'remount it writable, or set STAVE_ROOT to a directory you can write to';
    return fail('store', `cannot write ${where ?? 'a file'}: its filesystem is read-only`, hint);
  }
  if (hasCode(error, 'EIO')) {
    return fail(
      'store',
      `the disk fails${at}: ${error.message}`,
      'look at dmesg; the disk may be broken',
    );
  }
  if (hasCode(error, 'EMFILE', 'ENFILE'))
    return fail('runtime', 'too many open files', 'raise the limit: ulimit -n 65536');
  if (hasCode(error, 'ENAMETOOLONG')) {
    const shown = where === undefined ? 'one' : `${where.slice(0, SHOWN_PATH)}...`;
    return fail('usage', `a path is too long: ${shown}`, 'the system takes 4096 bytes, 255 a name');
  }
  return error;
}

/** Of a path that is too long. */
const SHOWN_PATH = 100;
