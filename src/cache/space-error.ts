import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { BuildError } from '../model/error.js';

/** Of a disk, or a quota, that is full where something was to be written; not all errors say where. */
export function spaceError(where: string | undefined, cause: unknown): BuildError {
  if (where !== undefined && lacksInodes(where)) {
    return new BuildError(
      'no-space',
      `no space left on ${where}: its filesystem has no inode free`,
      {
        hint: 'it holds as many files as it can (df -i): remove some there, or what builds keep with: stave builder prune -a',
        cause,
      },
    );
  }
  return new BuildError('no-space', `no space left${where === undefined ? '' : ` on ${where}`}`, {
    hint: 'free some space there, or remove images with: stave image rm',
    cause,
  });
}

/**
 * Whether it is files that a filesystem has no room for. What was written halfway is removed by now, so the scarcer of
 * the two is it.
 */
function lacksInodes(where: string): boolean {
  for (let at = where; ; at = dirname(at)) {
    try {
      const { files, ffree, blocks, bavail } = statfsSync(at);
      return files > 0 && ffree / files < bavail / blocks;
    } catch {
      if (dirname(at) === at) return false; // What is told is only that there is no space.
    }
  }
}
