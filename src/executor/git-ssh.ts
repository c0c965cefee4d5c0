import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { BuildError } from '../model/error.js';
import { redactUrls } from '../model/redact-urls.js';
import type { CleanupStack } from './cleanup-stack.js';
import { openAgent } from './open-agent.js';
import type { RemoteSources } from './remote-sources.js';

/** `ssh://host/path` or `user@host:path`. */
export function isSsh(remote: string): boolean {
  return /^ssh:/i.test(remote) || !remote.includes('://');
}

/** A Dockerfile reaches no host with a person's keys unless they are given to the build, as docker has it. */
export function requireAgent(remote: string, sources: RemoteSources): void {
  if (!isSsh(remote) || defaultAgent(sources) !== undefined) return;
  throw new BuildError('not-found', 'no SSH key "default" forwarded from the client', {
    hint: `${redactUrls(remote)} is asked by ssh: give the build your agent with --ssh default, or a key with --ssh default=PATH`,
  });
}

/**
 * Variables by which git reaches a remote with ssh: the agent given as `default`; else what the user's own ssh would
 * take, for the context that the command line names. A host is known by the user's and the machine's known_hosts, and
 * an unknown one is never trusted.
 */
export async function sshVariables(
  sources: RemoteSources,
  stack: CleanupStack,
): Promise<Readonly<Record<string, string>>> {
  const given = defaultAgent(sources);
  const home = sources.env['HOME'] ?? '';
  const known = home === '' ? [] : ['UserKnownHostsFile=${STAVE_SSH}/known_hosts'];
  const options = [...known, ...identities(given !== undefined, home)];
  const socket =
    given === undefined ? sources.env['SSH_AUTH_SOCK'] : await agent(given, sources, stack);
  return {
    GIT_SSH_COMMAND: `ssh -F /dev/null -o BatchMode=yes${options.map((option) => ` -o '${option}'`).join('')}`,
    ...(home === '' ? {} : { STAVE_SSH: join(home, '.ssh') }),
    ...(socket === undefined ? {} : { SSH_AUTH_SOCK: socket }),
  };
}

function defaultAgent({ ssh }: RemoteSources): RemoteSources['ssh'][number] | undefined {
  return ssh.find(({ id }) => id === 'default');
}

/** Not the home of the user's number, which is another's in a user namespace: the variable is expanded by ssh. */
function identities(given: boolean, home: string): string[] {
  if (given) return ['IdentityFile=none'];
  return home === '' ? [] : KEYS.map((name) => `IdentityFile=\${STAVE_SSH}/${name}`);
}

const KEYS = ['id_ed25519', 'id_ecdsa', 'id_rsa'];

async function agent(
  given: RemoteSources['ssh'][number],
  sources: RemoteSources,
  stack: CleanupStack,
): Promise<string> {
  const directory = mkdtempSync(join(await sources.temporary(), 'ssh-'));
  stack.defer(() => {
    rmSync(directory, { recursive: true, force: true });
  });
  return openAgent(given, join(directory, 'agent'), stack);
}
