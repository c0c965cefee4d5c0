import { closeSync, constants, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type CacheKey, digestOf, hexOf } from '../model/digest.js';
import { hasCode } from '../model/has-code.js';
import { replaceFile } from './durable.js';
import { namesIn } from './names-in.js';
import { fannedPath } from './record-file.js';

/** When a step was last part of a build, and of how many. */
export interface Use {
  /** Milliseconds since the epoch. */
  readonly last: number;
  readonly count: number;
}

/**
 * A build's keys as one small file, `uses/<xx>/<digest>`: a line of them, then a plus for each build that had them. So a
 * build that is cached whole notes the use of all its steps by one byte, also of those it had no need to look at.
 * `passing`: the store's directory of temporary files.
 */
export function noteUse(directory: string, keys: readonly CacheKey[], passing: string): void {
  const line = keys.map(hexOf).sort().join(' ');
  const path = fannedPath(directory, 'uses', digestOf(line));
  try {
    const fd = openSync(path, constants.O_WRONLY | constants.O_APPEND);
    try {
      writeSync(fd, '+');
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
    replaceFile(path, `${line}\n+`, passing);
  }
}

/** The keys of one such file, as hex. */
export function keysOfUse(path: string): readonly string[] {
  return readUse(path).keys;
}

/** Uses by key, as hex. */
export function readUses(directory: string): ReadonlyMap<string, Use> {
  const uses = new Map<string, Use>();
  const at = join(directory, 'uses');
  for (const part of namesIn(at)) {
    for (const name of namesIn(join(at, part))) {
      const { keys, last, count } = readUse(join(at, part, name));
      for (const key of keys) {
        const before = uses.get(key) ?? { last: 0, count: 0 };
        uses.set(key, { last: Math.max(before.last, last), count: before.count + count });
      }
    }
  }
  return uses;
}

function readUse(path: string): Use & { readonly keys: readonly string[] } {
  const last = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
  const text = last === undefined ? undefined : textOf(path);
  if (last === undefined || text === undefined) return { keys: [], last: 0, count: 0 };
  const [line = '', pluses = ''] = text.split('\n');
  return {
    keys: line.split(' ').filter((key) => /^[0-9a-f]{64}$/.test(key)),
    last,
    count: pluses.length,
  };
}

/** Undefined when a prune was quicker. */
function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}
