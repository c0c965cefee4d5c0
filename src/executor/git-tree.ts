import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { GitSpec } from '../model/graph.js';
import type { Scope } from '../model/scope.js';
import { type CheckedOut, checkOut, commitTime, fetchInto } from './git-checkout.js';
import { GitRepository, type ResolvedRef } from './git-repository.js';
import { redactUrls } from '../model/redact-urls.js';
import type { RemoteSources } from './remote-sources.js';

/** What a spec's ref means now. */
export async function resolveGit(
  spec: GitSpec,
  remote: RemoteSources,
  scope: Scope,
): Promise<ResolvedRef> {
  const repository = await GitRepository.open(spec.remote, remote, scope);
  const found = await repository.resolve(spec);
  const { commit } = found;
  const ref = spec.ref === '' ? '' : `#${spec.ref}`;
  const digests = [`sha${commit.length > 40 ? '256' : '1'}:${commit}`];
  remote.note({ uri: `${redactUrls(spec.remote)}${ref}`, digests });
  return found;
}

/** The files of a commit in a directory that goes with the process; `root` is the spec's subdirectory in it (latin1). */
export async function gitTree(
  spec: GitSpec,
  found: ResolvedRef,
  remote: RemoteSources,
  scope: Scope,
): Promise<CheckedOut & { readonly directory: string }> {
  const directory = await newDirectory(remote);
  const repository = await GitRepository.open(spec.remote, remote, scope);
  return { directory, ...(await checkOut(repository, spec, { found, directory })) };
}

/** When the commit that a spec means was made, in seconds; nothing is checked out. */
export async function gitTime(spec: GitSpec, remote: RemoteSources, scope: Scope): Promise<number> {
  const repository = await GitRepository.open(spec.remote, remote, scope);
  const found = await repository.resolve(spec);
  const directory = await newDirectory(remote);
  try {
    await fetchInto(repository, found, directory);
    return await commitTime(repository, found, directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function newDirectory(remote: RemoteSources): Promise<string> {
  return join(await remote.temporary(), `git-${randomBytes(8).toString('hex')}`);
}
