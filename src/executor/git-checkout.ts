import {
  chmodSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmSync,
  unlinkSync,
} from 'node:fs';
import { bytesUnder } from '../cache/layer-walk.js';
import { joinPath, toBytes } from '../cache/source-tree.js';
import { BuildError } from '../model/error.js';
import type { GitSpec } from '../model/graph.js';
import { sys } from '../sys/sys.js';
import { type GitRepository, isHash, type ResolvedRef } from './git-repository.js';

export interface CheckedOut {
  /** The latin1 path of `spec.subdir`: '' for all. */
  readonly root: string;
  /** The committer's, in seconds. */
  readonly time: number;
}

/**
 * Checks a commit out into `directory`, which must not exist. Files become 0644 or 0755 and ours; `.git` goes unless it
 * is asked for.
 */
export async function checkOut(
  repository: GitRepository,
  spec: GitSpec,
  { found, directory }: { found: ResolvedRef; directory: string },
): Promise<CheckedOut> {
  const { commit } = found;
  await fetchInto(repository, found, directory);
  await repository.must(['checkout', '--quiet', '--force', '--detach', commit], directory);
  if (spec.submodules) await updateSubmodules(repository, directory);
  const seconds = await commitTime(repository, found, directory);
  const time = spec.mtime === 'commit' ? BigInt(seconds) * 1_000_000_000n : undefined;
  if (spec.keepGitDir) await tidyGitDirectory(repository, found, directory);
  const root = findSubdir(spec, repository, directory);
  normalize(directory, root, { keepGit: spec.keepGitDir, time });
  return { root, time: seconds };
}

/** A commit in a new repository at `directory`, which must not exist; nothing is checked out. */
export async function fetchInto(
  repository: GitRepository,
  found: ResolvedRef,
  directory: string,
): Promise<void> {
  mkdirSync(directory, { mode: 0o755 });
  const format = found.commit.length === 64 ? ['--object-format=sha256'] : [];
  await repository.must(['init', '--quiet', '--template=', ...format], directory);
  await fetchCommit(repository, found, directory);
}

/** The committer's time of a commit that was fetched, in seconds. */
export async function commitTime(
  repository: GitRepository,
  { commit }: ResolvedRef,
  directory: string,
): Promise<number> {
  const args = ['show', '--no-patch', '--format=%ct', `${commit}^{commit}`];
  return Number((await repository.must(args, directory)).trim());
}

/** The ref alone and without its past; servers that cannot (dumb http, no hashes) are asked for more. */
async function fetchCommit(
  repository: GitRepository,
  { commit, name }: ResolvedRef,
  directory: string,
): Promise<void> {
  const fetch = async (shallow: boolean, specs: readonly string[]): Promise<string | undefined> => {
    const depth = shallow ? ['--depth=1'] : [];
    const args = ['fetch', '--quiet', '--no-tags', '--force', '--no-recurse-submodules', ...depth];
    const { ok, stderr } = await repository.run(
      [...args, '--', repository.url, ...specs],
      directory,
    );
    if (!ok) return stderr;
    const has = await repository.run(['cat-file', '-e', `${commit}^{commit}`], directory);
    return has.ok ? undefined : `the server has no commit ${commit}`;
  };
  const specs = name === undefined || name === 'HEAD' ? [] : [`+${name}:${name}`];
  const attempts: readonly (() => Promise<string | undefined>)[] = [
    ...(specs.length === 0 ? [] : [() => fetch(true, specs)]),
    () => fetch(true, [commit]),
    () => fetch(false, ['+refs/heads/*:refs/remotes/origin/*', '+refs/tags/*:refs/tags/*']),
  ];
  let problem = '';
  for (const attempt of attempts) {
    const refused = await attempt();
    if (refused === undefined) return;
    problem = refused;
  }
  throw repository.failure(problem);
}

async function updateSubmodules(repository: GitRepository, directory: string): Promise<void> {
  if (lstatSync(`${directory}/.gitmodules`, { throwIfNoEntry: false })?.isFile() !== true) return;
  // Relative URLs of submodules are relative to this.
  await repository.must(['config', 'remote.origin.url', repository.url], directory);
  const args = ['submodule', '--quiet', 'update', '--init', '--recursive'];
  const shallow = await repository.run([...args, '--depth=1'], directory);
  if (!shallow.ok) await repository.must(args, directory);
}

/** What a clone would have, without what tells when and how it was made. */
async function tidyGitDirectory(
  repository: GitRepository,
  { name, commit }: ResolvedRef,
  directory: string,
): Promise<void> {
  await repository.must(['config', 'remote.origin.url', repository.url], directory);
  if (name?.startsWith('refs/tags/') === true && !isHash(name))
    await repository.must(['update-ref', name, name], directory);
  else if (name?.startsWith('refs/heads/') === true)
    await repository.must(
      ['update-ref', `refs/remotes/origin/${name.slice('refs/heads/'.length)}`, commit],
      directory,
    );
  for (const rest of ['FETCH_HEAD', 'ORIG_HEAD', 'logs'])
    rmSync(`${directory}/.git/${rest}`, { recursive: true, force: true });
}

/** Each part must be a directory itself: a link would lead where the repository says (CVE-2026-33748). */
function findSubdir({ subdir }: GitSpec, repository: GitRepository, directory: string): string {
  let path = '';
  for (const name of toBytes(subdir)
    .split('/')
    .filter((part) => part !== '')) {
    path = joinPath(path, name);
    const stat = lstatSync(bytesUnder(directory, path), { throwIfNoEntry: false });
    if (stat?.isDirectory() === true && name !== '.git') continue;
    const why = stat === undefined ? 'is not in the repository' : 'is not a directory';
    throw new BuildError('not-found', `${repository.shown}: ${JSON.stringify(subdir)} ${why}`);
  }
  return path;
}

interface NormalizeOptions {
  readonly keepGit: boolean;
  readonly time: bigint | undefined;
}

/** The umask of whoever builds is nobody's business; nor are the gitfiles of submodules when `.git` is not kept. */
function normalize(directory: string, path: string, options: NormalizeOptions): void {
  const full = bytesUnder(directory, path);
  for (const name of readdirSync(full, { encoding: 'latin1' })) {
    const inner = joinPath(path, name);
    const file = bytesUnder(directory, inner);
    const stat = lstatSync(file);
    if (name === '.git' && !options.keepGit) {
      if (stat.isDirectory()) rmSync(file, { recursive: true });
      else unlinkSync(file);
      continue;
    }
    if (stat.isDirectory()) normalize(directory, inner, options);
    else setFacts(file, stat.isSymbolicLink() ? undefined : stat.mode & 0o100, options);
  }
  setFacts(full, 0o100, options);
}

/** `executable`: undefined for a link. */
function setFacts(file: Buffer, executable: number | undefined, { time }: NormalizeOptions): void {
  lchownSync(file, process.getuid?.() ?? 0, process.getgid?.() ?? 0);
  if (executable !== undefined) chmodSync(file, executable === 0 ? 0o644 : 0o755);
  if (time !== undefined) sys().utimens(file, time, time);
}
