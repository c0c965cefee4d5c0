import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { GitSpec } from '../model/graph.js';
import type { Scope } from '../model/scope.js';
import { checkOut } from './git-checkout.js';
import { GitRepository, type ResolvedRef } from './git-repository.js';
import type { RemoteSources } from './remote-sources.js';

/** What a spec's ref means now. */
export async function resolveGit(
  spec: GitSpec,
  remote: RemoteSources,
  scope: Scope,
): Promise<ResolvedRef> {
  const repository = await GitRepository.open(spec.remote, remote, scope);
  return repository.resolve(spec);
}

/** The files of a commit in a directory that goes with the process; `root` is the spec's subdirectory in it (latin1). */
export async function gitTree(
  spec: GitSpec,
  found: ResolvedRef,
  remote: RemoteSources,
  scope: Scope,
): Promise<{ readonly directory: string; readonly root: string }> {
  const directory = join(await remote.temporary(), `git-${randomBytes(8).toString('hex')}`);
  const repository = await GitRepository.open(spec.remote, remote, scope);
  const root = await checkOut(repository, spec, { found, directory });
  return { directory, root };
}
