import { mkdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { BuildError } from '../model/error.js';
import type { SshMountSpec } from '../model/graph.js';
import { nearest } from '../model/nearest.js';
import type { SshSource } from '../model/run-settings.js';
import type { CleanupStack } from './cleanup-stack.js';
import { hostSource, type MountSource } from '../runtime/attach-mounts.js';

/** The socket of an ssh mount, made in `directory`; undefined when none was given and none is required. */
export async function sshSocket(
  spec: SshMountSpec,
  sources: readonly SshSource[],
  { directory, name, stack }: { directory: string; name: string; stack: CleanupStack },
): Promise<MountSource | undefined> {
  const source = sources.find(({ id }) => id === spec.id);
  if (source === undefined) {
    if (!spec.required) return undefined;
    throw notGiven(spec.id, sources);
  }
  const agent = await agentOf(source, join(directory, `${name}-keys`), stack);
  const { forwardAgent } = await import('../runtime/forward-agent.js');
  stack.use(await forwardAgent({ agent, directory, name, owner: spec.owner }));
  return hostSource(spec.target, join(directory, name), { nosuid: true, nodev: true });
}

function notGiven(id: string, sources: readonly SshSource[]): BuildError {
  const near = nearest(
    id,
    sources.map((source) => source.id),
  );
  return new BuildError('not-found', `no SSH agent "${id}" was given to this build`, {
    hint: near === undefined ? `give it with --ssh ${id}` : `did you mean id=${near}?`,
  });
}

async function agentOf(
  { id, paths }: SshSource,
  directory: string,
  stack: CleanupStack,
): Promise<string> {
  const kinds = paths.map((path) => kindOf(id, path));
  const [first] = paths;
  if (first !== undefined && paths.length === 1 && kinds[0] === 'socket') return resolve(first);
  if (kinds.includes('socket'))
    throw new BuildError('usage', `--ssh ${id}: give one socket, or key files, not both`);
  mkdirSync(directory, { mode: 0o700 });
  const { startKeyAgent } = await import('../runtime/key-agent.js');
  const keys = paths.map((path) => resolve(path));
  const agent = await startKeyAgent(keys, directory, '/usr/local/bin:/usr/bin:/bin');
  stack.use(agent);
  return agent.socket;
}

function kindOf(id: string, path: string): 'socket' | 'file' {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat?.isSocket() === true) return 'socket';
  if (stat?.isFile() === true) return 'file';
  const why = stat === undefined ? 'there is nothing' : 'it is neither a socket nor a file';
  throw new BuildError('not-found', `--ssh ${id}: ${path}: ${why}`, {
    hint: `--ssh ${id}=PATH takes an agent's socket or a private key`,
  });
}
