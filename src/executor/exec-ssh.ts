import { join } from 'node:path';
import { BuildError } from '../model/error.js';
import type { SshMountSpec } from '../model/graph.js';
import { nearest } from '../model/nearest.js';
import type { SshSource } from '../model/run-settings.js';
import { hostSource, type MountSource } from '../runtime/attach-mounts.js';
import type { CleanupStack } from './cleanup-stack.js';
import { openAgent } from './open-agent.js';

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
  const agent = await openAgent(source, join(directory, `${name}-keys`), stack);
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
