import { readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { redactUrls } from './model/redact-urls.js';

/** A checkout of git, by its files alone: nothing of it is run, and none of its settings are followed. */
export interface VcsFacts {
  /** Absolute path of the checkout. */
  readonly root: string;
  /** Where it was cloned from, without credentials. */
  readonly source?: string;
  /** The commit that is checked out. */
  readonly revision?: string;
}

/** Undefined for a directory that is in none. */
export function vcsFacts(directory: string): VcsFacts | undefined {
  for (let at = directory; ; at = dirname(at)) {
    const found = gitDirectory(at);
    if (found !== undefined) return factsOf(at, found);
    if (dirname(at) === at) return undefined;
  }
}

/** `.git`, or where it says that it is (a worktree, a submodule). */
function gitDirectory(root: string): string | undefined {
  const path = join(root, '.git');
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat?.isDirectory() === true) return path;
  const named = stat?.isFile() === true ? /^gitdir: (.+)$/m.exec(read(path))?.[1] : undefined;
  return named === undefined ? undefined : resolve(root, named);
}

function factsOf(root: string, git: string): VcsFacts | undefined {
  const head = /^ref: (\S+)$/m.exec(read(join(git, 'HEAD')))?.[1];
  // What worktrees share lies in the repository they are of.
  const common = resolve(git, read(join(git, 'commondir')).trim());
  const revision = commit(head === undefined ? read(join(git, 'HEAD')) : refOf(head, git, common));
  const source = remoteOf(read(join(common, 'config')), head?.replace(/^refs\/heads\//, ''));
  if (revision === undefined && source === undefined) return undefined;
  return {
    root,
    ...(source === undefined ? {} : { source: redactUrls(source) }),
    ...(revision === undefined ? {} : { revision }),
  };
}

function refOf(name: string, git: string, common: string): string {
  if (!/^refs\/[^\0]+$/.test(name) || name.split('/').includes('..')) return '';
  const loose = read(join(git, name)) || read(join(common, name));
  if (loose !== '') return loose;
  const packed = read(join(common, 'packed-refs')).split('\n');
  return packed.find((line) => line.endsWith(` ${name}`)) ?? '';
}

function commit(text: string): string | undefined {
  return /^([0-9a-f]{64}|[0-9a-f]{40})(\s|$)/.exec(text)?.[1];
}

/** Of the branch's remote, else of `origin`, else of `upstream`: as buildx chooses. */
function remoteOf(config: string, branch: string | undefined): string | undefined {
  const own = branch === undefined ? undefined : setting(config, `branch "${branch}"`, 'remote');
  const names = [...(own === undefined ? [] : [own]), 'origin', 'upstream'];
  return names.map((name) => setting(config, `remote "${name}"`, 'url')).find(Boolean);
}

function setting(config: string, section: string, name: string): string | undefined {
  let inside = false;
  for (const line of config.split('\n').map((each) => each.trim())) {
    if (line.startsWith('[')) inside = line === `[${section}]`;
    const [key, value] = inside ? line.split(/\s*=\s*(.*)/s) : [];
    if (key === name && value !== undefined) return value;
  }
  return undefined;
}

const MAX_FILE = 1 << 20;

/** Empty for what is not there or cannot be read: it only describes. */
function read(path: string): string {
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    return stat?.isFile() === true && stat.size <= MAX_FILE ? readFileSync(path, 'utf8') : '';
  } catch {
    return '';
  }
}
