import { existsSync, lstatSync, realpathSync } from 'node:fs';
import { basename, dirname, join, sep } from 'node:path';
import { compileIgnore, type IgnoreRules } from './executor/match.js';
import { readInputFile } from './input-file.js';
import { BuildError } from './model/error.js';
import { shownPath } from './shown-path.js';

const MAX_IGNORE = 1 << 20;

/** The rules of a directory of this machine: `<Dockerfile>.dockerignore` beside the Dockerfile, else its own file. */
export function readIgnoreFile(dir: string, dockerfile: string | undefined): IgnoreRules {
  const own =
    dockerfile === undefined
      ? undefined
      : join(dirname(dockerfile), `${basename(dockerfile)}.dockerignore`);
  const chosen = own !== undefined && isThere(own) ? own : join(dir, '.dockerignore');
  const shown = shownPath(chosen);
  if (!isThere(chosen)) return compileIgnore('', shown);
  checkLink(chosen, shown, dir);
  const text = readInputFile(chosen, shown, MAX_IGNORE)?.toString('latin1') ?? '';
  return compileIgnore(text, shown);
}

/** Nothing is left out. */
export function noIgnoreRules(): IgnoreRules {
  return compileIgnore('', '.dockerignore');
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** An error shows a line of the file: a link in somebody's context must not make that a file of the host (CVE-2022-4122). */
function checkLink(path: string, shown: string, dir: string): void {
  if (!lstatSync(path).isSymbolicLink()) return;
  const inside = [realpathSync(dir), realpathSync(dirname(path))];
  const target = existsSync(path) ? realpathSync(path) : undefined;
  if (target !== undefined && inside.some((root) => target.startsWith(`${root}${sep}`))) return;
  throw new BuildError('usage', `${shown} is a link that leads out of the build context`, {
    hint: 'put the file itself there',
  });
}
