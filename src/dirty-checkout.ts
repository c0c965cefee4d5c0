import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type GitCommand, type GitOutcome, runGit } from './executor/git-process.js';

export interface DirtyOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

/** Deeper is nobody's project. */
const MAX_DEPTH = 10;

/**
 * Whether a checkout holds anything but its commit, as `git status` tells: changed, untracked and ignored files count, as
 * they do for buildx, and what git cannot tell is dirty. Nothing that the checkout names is run: its filters are none
 * here, so a filtered file counts as changed once it was touched. Throws BuildError when there is no git.
 */
export async function isDirty(root: string, options: DirtyOptions, depth = 0): Promise<boolean> {
  const git = (args: readonly string[], config: GitCommand['config'] = []): Promise<GitOutcome> =>
    runGit({
      args: ['-C', root, `--work-tree=${root}`, '--no-optional-locks', ...args],
      // Whose it is does not matter to who runs nothing of it.
      config: [['safe.directory', '*'], ...config],
      variables: { GIT_ALLOW_PROTOCOL: 'none', GIT_NO_LAZY_FETCH: '1' },
      ...options,
    });
  // It ends with an error when there is none.
  const filters = await git(['config', '--null', '--name-only', '--get-regexp', '^filter\\.']);
  const { ok, stdout } = await git(STATUS, withoutFilters(filters.stdout));
  if (!ok || stdout !== '') return true;
  const listed = await git(['ls-files', '--stage', '-z']);
  const modules = submodulesIn(listed.stdout).map((path) => join(root, path));
  if (!listed.ok || (modules.length > 0 && depth === MAX_DEPTH)) return true;
  // Each has settings of its own; one that is not checked out is an empty directory.
  for (const module of modules)
    if (existsSync(join(module, '.git')) && (await isDirty(module, options, depth + 1)))
      return true;
  return false;
}

const STATUS = [
  ...['status', '--porcelain', '-z', '--ignored', '--untracked-files=normal'],
  '--ignore-submodules=dirty',
];

function withoutFilters(names: string): GitCommand['config'] {
  return names
    .split('\0')
    .filter((name) => name !== '')
    .map((name) => [name, name.endsWith('.required') ? 'false' : '']);
}

function submodulesIn(listed: string): readonly string[] {
  return listed
    .split('\0')
    .filter((entry) => entry.startsWith('160000 '))
    .map((entry) => entry.slice(entry.indexOf('\t') + 1));
}
